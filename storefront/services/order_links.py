"""One-time links, mailed to an order's own address, by which somebody who is not signed in may change it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from storefront.domain.errors import NotFound
from storefront.domain.orders import LINK_LIFETIME, EventKind
from storefront.links import ChangeLinks
from storefront.stores import Stores, again_if_lost

MOST_AN_HOUR = 5
"""Links an hour for one order: more would only fill its owner's letter box."""


def ask(stores: Stores, links: ChangeLinks, order_id: UUID) -> None:
    """Let a link be mailed to the order's address. Whether one goes is told to nobody who asks.

    Raises:
        NotFound: there is no such order.
    """
    nonce = secrets.token_urlsafe(24)
    _store(stores, order_id, nonce, _hash(links.token(nonce)))


@again_if_lost
def _store(stores: Stores, order_id: UUID, nonce: str, token_hash: str) -> None:
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if not order.email or stores.order_links.made_since(order_id, timedelta(hours=1)) >= MOST_AN_HOUR:
            return
        stores.order_links.add(token_hash, order_id, LINK_LIFETIME)
        # The nonce alone opens nothing: the link follows from it and the shop's secret.
        stores.events.record(
            order_id, EventKind.LINK_ASKED, {"nonce": nonce}, event_id=f"link_asked:{token_hash[:16]}"
        )


def works(stores: Stores, order_id: UUID, token: str) -> bool:
    """Whether a token would open the order. Asking uses nothing up: programs follow the links of mails."""
    return stores.order_links.open(_hash(token), order_id)


def use(stores: Stores, order_id: UUID, token: str) -> None:
    """Use a token up.

    Raises:
        NotFound: it was used, is older than 30 minutes, another order's or not ours, which nobody is told.
    """
    if not _use(stores, _hash(token), order_id, secrets.token_hex(8)):
        raise NotFound("This link was used already or is older than 30 minutes. Ask for a new one.")


@again_if_lost
def _use(stores: Stores, token_hash: str, order_id: UUID, use_id: str) -> bool:
    """``use_id`` lets a repeat after a lost answer find its own use."""
    with stores.transaction():
        return stores.order_links.use(token_hash, order_id, use_id)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
