"""Shoppers' ids that have become an account's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.shoppers import ClaimState, ShopperClaim
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared

REGISTERING_TAKES = timedelta(minutes=1)
"""A request has five seconds: a registration begun longer ago than this is not under way any more."""

_STATE = Prepared(select(ShopperClaim.state).where(ShopperClaim.user_id == bindparam("user_id")))


class ShopperClaims:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, user_id: UUID) -> ClaimState | None:
        """What is claimed of a shopper's id, by its key; None for a guest's."""
        rows = self._db.rows(_STATE, {"user_id": user_id})
        return rows[0].state if rows else None

    def lock_guest(self, user_id: UUID) -> bool:
        """Keep a shopper's id from being claimed until the transaction ends; whether it is a guest's still,
        and no account is being made on it at this moment."""
        self._lock(user_id)
        under_way = (ShopperClaim.state != ClaimState.REGISTERING) | (
            ShopperClaim.since > func.now() - REGISTERING_TAKES
        )
        taken = select(ShopperClaim.user_id).where(ShopperClaim.user_id == user_id, under_way)
        return self._db.session.execute(taken).one_or_none() is None

    def begin(self, user_id: UUID) -> None:
        """An account is about to be made on this id."""
        self._lock(user_id)
        new = insert(ShopperClaim).values(user_id=user_id, state=ClaimState.REGISTERING)
        self._db.session.execute(
            new.on_conflict_do_update(
                index_elements=[ShopperClaim.user_id],
                set_={"since": func.now()},
                where=ShopperClaim.state == ClaimState.REGISTERING,
            )
        )

    def withdraw(self, user_id: UUID) -> None:
        """No account was made on this id after all."""
        self._db.session.execute(
            delete(ShopperClaim).where(
                ShopperClaim.user_id == user_id, ShopperClaim.state == ClaimState.REGISTERING
            )
        )

    def settle(self, user_id: UUID, state: ClaimState) -> None:
        """The id is an account's, or was merged into one. Once it is an account's it stays so."""
        new = insert(ShopperClaim).values(user_id=user_id, state=state)
        self._db.session.execute(
            new.on_conflict_do_update(
                index_elements=[ShopperClaim.user_id],
                set_={"state": state, "since": func.now()},
                where=ShopperClaim.state.not_in((ClaimState.ACCOUNT, state)),
            )
        )

    def _lock(self, user_id: UUID) -> None:
        """By the lock that lets one placement a shopper through at a time."""
        key = func.hashtextextended(str(user_id), literal(0))
        self._db.session.execute(select(func.pg_advisory_xact_lock(key)))
