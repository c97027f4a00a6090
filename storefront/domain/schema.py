"""All mapped classes in one place, for migrations."""

from __future__ import annotations

from storefront.domain import (
    attention,
    cart,
    catalog,
    mails,
    order_links,
    orders,
    parcel_records,
    payments,
    promises,
    refunds,
    shop,
    shoppers,
)
from storefront.domain.base import Base

metadata = Base.metadata
__all__ = [
    "attention",
    "cart",
    "catalog",
    "mails",
    "metadata",
    "order_links",
    "orders",
    "parcel_records",
    "payments",
    "promises",
    "refunds",
    "shop",
    "shoppers",
]
