"""The shop's own row, as its first migration made it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from storefront.domain.shop import Shop
from storefront.repositories.aurora.database import Database


def shop_id(db: Database) -> UUID:
    """By what the shop is known where it shares an account with others."""
    ((found,),) = db.rows(select(Shop.shop_id))
    return found
