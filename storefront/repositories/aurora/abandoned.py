"""What nobody comes back for: carts, and what is remembered of visitors only for a while."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select

from storefront.domain.cart import Cart, CartItem
from storefront.domain.mails import StrangersMail
from storefront.domain.order_links import OrderLink
from storefront.domain.shoppers import ClaimState, ShopperClaim
from storefront.repositories.aurora.database import Database


class Abandoned:
    def __init__(self, db: Database) -> None:
        self._db = db

    def delete_carts(self, unused: timedelta, limit: int) -> int:
        """Delete a batch of open carts that nobody has changed for so long, the oldest first; how many.

        One that somebody is changing or ordering is locked, and passed over: it is not abandoned. Carts that
        became orders are closed, and stay.
        """
        session = self._db.session
        last_used = func.coalesce(Cart.changed_at, Cart.created_at)
        old = session.scalars(
            select(Cart.cart_id)
            .where(Cart.closed_at.is_(None), last_used < func.now() - unused)
            .order_by(last_used)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        session.execute(delete(CartItem).where(CartItem.cart_id.in_(old)))
        session.execute(delete(Cart).where(Cart.cart_id.in_(old)))
        return len(old)

    def forget_visitors(self, cookie: timedelta, day: timedelta) -> None:
        """Delete claims of merged ids, whose cookies are too old to be read by now, one-time links that can't
        be used any more, and the count of mails. An account's id stays claimed for ever."""
        session = self._db.session
        session.execute(
            delete(ShopperClaim).where(
                ShopperClaim.state == ClaimState.MERGED, ShopperClaim.since < func.now() - cookie
            )
        )
        session.execute(delete(OrderLink).where(OrderLink.expires_at < func.now() - day))
        session.execute(delete(StrangersMail).where(StrangersMail.at < func.now() - day))
