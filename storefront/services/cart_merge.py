"""Signing in with a full cart: what was put into it as a guest joins the account's."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from storefront.domain.accounts import email_key
from storefront.domain.cart import MAX_LINES, CartLine
from storefront.domain.errors import Invalid
from storefront.domain.shoppers import ClaimState
from storefront.stores import Stores, again_if_undone


@dataclass(frozen=True)
class MergedLine:
    """What became of one line: its quantity as a guest, in the account's cart, and now. ``qty`` is 0 for a
    line that the cart, full already, had no room for."""

    sku: str
    guest_qty: int
    account_qty: int
    qty: int


@again_if_undone
def merge(stores: Stores, guest: UUID, account: UUID, email: str) -> list[MergedLine]:
    """Put both open carts together, the larger quantity of each product, and take along the guest's orders
    that bear the account's e-mail address, all in one transaction. The lines of both carts, if both had some.

    The guest's id is worth nothing from then on, to copies of the cookie it came with neither. Repeatable: a
    second merge finds it so, as does one whose guest has become an account meanwhile.
    """
    if guest == account:
        return []
    with stores.transaction():
        if not stores.shopper_claims.lock_guest(guest):
            return []
        carts = _lock(stores, guest, account)
        theirs, ours = stores.carts.lines(carts[guest]), stores.carts.lines(carts[account])
        merged = _together(theirs, ours)
        stores.carts.take_over(carts[guest], carts[account], [line.sku for line in merged if line.qty])
        wanted = email_key(email)
        same = [one.order_id for one in stores.customer_orders.lock_emails(guest) if _is(one.email, wanted)]
        stores.customer_orders.hand_over(same, account)
        stores.shopper_claims.settle(guest, ClaimState.MERGED)
    return merged if theirs and ours else []


def _lock(stores: Stores, *shoppers: UUID) -> dict[UUID, UUID]:
    """Each shopper's open cart, locked in the order of their ids: two merges that meet from opposite sides
    would otherwise wait for each other."""
    return {shopper: stores.carts.open(shopper) for shopper in sorted(shoppers)}


def _together(theirs: tuple[CartLine, ...], ours: tuple[CartLine, ...]) -> list[MergedLine]:
    guest, account = {line.sku: line.qty for line in theirs}, {line.sku: line.qty for line in ours}
    room = MAX_LINES - len(account)
    merged = []
    for sku in [*account, *(sku for sku in guest if sku not in account)]:
        fits = sku in account or room > 0
        room -= sku not in account
        qty = max(guest.get(sku, 0), account.get(sku, 0)) if fits else 0
        merged.append(MergedLine(sku, guest.get(sku, 0), account.get(sku, 0), qty))
    return merged


def _is(email: str, key: str) -> bool:
    try:
        return email_key(email) == key
    except Invalid:
        return False
