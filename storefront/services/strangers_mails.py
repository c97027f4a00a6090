"""Ten mails an hour to one address of those that strangers can cause; a paid order's always go."""

from __future__ import annotations

import hmac

from storefront.config import Settings
from storefront.domain.mails import MAILS_WITHIN, MOST_MAILS
from storefront.domain.order_views import OrderView
from storefront.domain.orders import SOLD
from storefront.stores import Stores, again_if_lost

UNPAID = frozenset({"held", "hold_ended", "cancelled", "address_changed"})
"""About orders that anybody can place with anybody's address."""


def can_be_caused(template: str, order: OrderView) -> bool:
    """Whether a stranger can have this mail sent to the order's address."""
    return template == "change_link" or (template in UNPAID and order.status not in SOLD)


def may_go(settings: Settings, stores: Stores, email: str, reference: str) -> bool:
    """Whether one more such mail may go to this address, without regard to case; if so, it counts."""
    key = settings.secret_key.get_secret_value().encode()
    address_hash = hmac.digest(key, b"mails-to:" + email.strip().casefold().encode(), "sha256").hex()[:32]
    return _take(stores, address_hash, reference)


@again_if_lost
def _take(stores: Stores, address_hash: str, reference: str) -> bool:
    with stores.transaction():
        return stores.strangers_mails.take(address_hash, reference, MOST_MAILS, MAILS_WITHIN)
