"""What the shop holds of a customer, for them to take along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from uuid import UUID

from storefront.domain.ids import UserId
from storefront.domain.order_views import CustomerOrder, Event, OrderView
from storefront.domain.orders import EventKind
from storefront.domain.parcels import Parcel
from storefront.stores import Stores

EXPORT_PAGE = 200
OURS = frozenset({EventKind.FLAGGED})
"""Notes for the shop's own people."""


def export(stores: Stores, user_id: UserId) -> dict[str, object]:
    """Everything the shop holds of a customer, fit for JSON. Amounts are in cents, times in UTC.

    Raises:
        StoreUnavailable: DynamoDB is unavailable.
    """
    account = stores.accounts.for_account(user_id)
    profile = account.profile
    return {
        "profile": {
            "user_id": str(profile.user_id),
            "name": profile.name,
            "email": profile.email,
            "phone": profile.phone,
        },
        "addresses": [
            {"address_id": str(a.address_id), "default": a.is_default, **asdict(a.address)}
            for a in account.addresses
        ],
        "cards": [
            {"brand": card.brand, "last4": card.last4, "expiry": card.expiry, "default": card.is_default}
            for card in account.cards
        ],
        "orders": [
            _order(stores.orders.view(order_id), stores.parcels.of(order_id))
            for order_id in _orders(stores, user_id)
        ],
    }


def _orders(stores: Stores, user_id: UserId) -> Iterator[UUID]:
    page: list[CustomerOrder] = []
    while True:
        before = (page[-1].created_at, page[-1].order_id) if page else None
        page = stores.customer_orders.page(user_id, EXPORT_PAGE, before)
        yield from (order.order_id for order in page)
        if len(page) < EXPORT_PAGE:
            return


def _order(order: OrderView, parcels: Iterable[Parcel]) -> dict[str, object]:
    return {
        "order_id": str(order.order_id),
        "number": order.number,
        "status": str(order.status),
        "total_cents": order.total_cents,
        "created_at": order.created_at.isoformat(),
        "promised_on": order.promised_on.isoformat() if order.promised_on else None,
        "email": order.email,
        "address": asdict(order.address),
        "lines": [
            {
                "sku": line.sku,
                "name": line.name,
                "qty": line.qty,
                "price_cents": line.price_cents,
                "refunded": line.refunded,
            }
            for line in order.lines
        ],
        "payment": {"status": str(order.payment_status), "provider": str(order.provider)},
        "refunds": [
            {
                "at": refund.at.isoformat(),
                "cents": refund.cents,
                "status": str(refund.status),
                "lines": [{"sku": line.sku, "qty": line.qty} for line in refund.lines],
            }
            for refund in order.refunds
        ],
        "parcels": [_parcel(parcel) for parcel in parcels],
        "steps": [_step(event) for event in order.events if event.kind not in OURS],
    }


def _parcel(parcel: Parcel) -> dict[str, object]:
    day = parcel.estimated_delivery
    return {
        "carrier": parcel.carrier,
        "tracking_code": parcel.tracking_code,
        "status": str(parcel.status),
        "estimated_delivery": day.isoformat() if day else None,
        "lines": [{"sku": line.sku, "qty": line.qty} for line in parcel.lines],
    }


def _step(event: Event) -> dict[str, object]:
    step: dict[str, object] = {"at": event.at.isoformat(), "kind": str(event.kind)}
    if event.kind is EventKind.CARRIER:
        told = event.carrier_event.report
        step |= {"status": str(told.status), "place": told.place, "message": told.message}
    return step
