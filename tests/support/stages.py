"""Moments of an order's life, and what may happen to it there at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from storefront.domain.ids import UserId
from storefront.domain.orders import Actor
from storefront.domain.parcels import ParcelLine, ParcelStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.services import (
    accounts,
    cancellation,
    carrier_events,
    cart_merge,
    carts,
    checkout,
    fulfilment,
    holds,
    order_address,
)
from storefront.services.checkout import Placement
from storefront.services.payments import refunds
from tests.support.client import PASSWORD
from tests.support.factories import (
    ADDRESS,
    HOLD,
    lapse,
    order,
    pay_page,
    placement,
    product,
    shopper,
)
from tests.support.till import open_page, settle
from tests.support.worker import event, pack, work


@dataclass
class Subject:
    """Whose and what: two units of two products each, of which one more is in the cart."""

    process: Process
    skus: tuple[str, str]
    user_id: UserId
    order_id: UUID
    confirmed: Placement
    """The checkout's form as the shopper saw it, which may be sent again."""
    code: str = ""


Act = Callable[[Subject], object]


def _begin(process: Process) -> Subject:
    stores = process.stores()
    skus = product(stores, price=1200, quantity=6), product(stores, price=500, quantity=6)
    who = shopper()
    placed = order(stores, *skus, qty=2, user_id=who)
    carts.add(stores, who, skus[0], 1)
    return Subject(process, skus, who, placed, placement(stores, who))


def in_the_cart(process: Process) -> Subject:
    return _begin(process)


def paid_at_stripe(process: Process) -> Subject:
    """The shopper has paid, and the shop has not heard of it."""
    subject = _begin(process)
    pay_page(open_page(process, subject.order_id))
    return subject


def waiting_for_payment(process: Process) -> Subject:
    subject = _begin(process)
    open_page(process, subject.order_id)
    return subject


def lapsed_and_paid_at_stripe(process: Process) -> Subject:
    subject = paid_at_stripe(process)
    lapse(process.stores(), subject.order_id)
    return subject


def paid(process: Process) -> Subject:
    subject = paid_at_stripe(process)
    settle(process, subject.order_id)
    return subject


def prepared(process: Process) -> Subject:
    subject = paid(process)
    work(process)
    return subject


def half_sent(process: Process) -> Subject:
    subject = prepared(process)
    subject.code = f"L{uuid4().hex[:10]}"
    stores = process.stores()
    pack(stores, subject.order_id, ParcelLine(subject.skus[0], 1), code=subject.code)
    carrier_events.record(stores, event(subject.code, ParcelStatus.IN_TRANSIT))
    return subject


# --- what may happen


def settles(s: Subject) -> object:
    return settle(s.process, s.order_id)


def expires(s: Subject) -> object:
    return holds.expire_lapsed(s.process.stores(), s.process.stripe)


def extends(s: Subject) -> object:
    return holds.extend(s.process.stores(), s.order_id)


def starts_paying(s: Subject) -> object:
    return open_page(s.process, s.order_id)


def cancels(s: Subject) -> object:
    return cancellation.cancel(s.process.stores(), s.process.stripe, s.order_id, by=Actor.SHOPPER, rest=True)


def ships(s: Subject) -> object:
    fulfilment.write_shipment(s.process.stores(), s.order_id)
    return "written"


def projects(s: Subject) -> object:
    return fulfilment.project(s.process.stores())


def refunds_all(s: Subject) -> object:
    return refunds.refund(s.process.stores(), s.order_id, restock=True, reason=RefundReason.OPERATOR)


def refunds_one(s: Subject) -> object:
    return refunds.refund(
        s.process.stores(), s.order_id, restock=True, reason=RefundReason.OPERATOR, units={s.skus[0]: 1}
    )


def moves(s: Subject) -> object:
    return order_address.correct(
        s.process.stores(), s.order_id, ADDRESS.__class__(**{**ADDRESS.__dict__, "line1": "1 High Street"})
    )


def books_the_rest(s: Subject) -> object:
    return pack(s.process.stores(), s.order_id, code=f"R{uuid4().hex[:10]}").tracking_code


def books_one(s: Subject) -> object:
    line = ParcelLine(s.skus[0], 1)
    return pack(s.process.stores(), s.order_id, line, code=f"B{uuid4().hex[:10]}").tracking_code


def arrives(s: Subject) -> object:
    return carrier_events.record(s.process.stores(), event(s.code, ParcelStatus.DELIVERED))


def comes_back(s: Subject) -> object:
    return carrier_events.record(s.process.stores(), event(s.code, ParcelStatus.RETURNED))


def places(s: Subject) -> object:
    return checkout.place(s.process.stores(), s.confirmed, HOLD)


def adds(s: Subject) -> object:
    return carts.add(s.process.stores(), s.user_id, s.skus[1], 1).line.qty


def merges(s: Subject) -> object:
    stores, guest = s.process.stores(), shopper()
    carts.add(stores, guest, s.skus[1], 3)
    return len(cart_merge.merge(stores, guest, s.user_id, "nobody@example.com"))


def is_merged_away(s: Subject) -> object:
    return len(cart_merge.merge(s.process.stores(), s.user_id, shopper(), "ada@example.com"))


def registers(s: Subject) -> object:
    email = f"ada.{s.user_id.hex}@example.com"
    return accounts.register(s.process.stores(), s.user_id, "Ada Marsh", email, PASSWORD).user_id


STAGES: dict[Callable[[Process], Subject], tuple[Act, ...]] = {
    in_the_cart: (places, adds, merges, is_merged_away, registers, cancels, extends),
    waiting_for_payment: (starts_paying, extends, cancels, settles),
    paid_at_stripe: (settles, cancels, extends, starts_paying),
    lapsed_and_paid_at_stripe: (settles, expires, cancels, extends),
    paid: (ships, cancels, refunds_all, refunds_one, moves, settles),
    prepared: (books_one, books_the_rest, cancels, refunds_all, refunds_one, moves, projects),
    half_sent: (arrives, comes_back, cancels, refunds_all, refunds_one, moves, books_the_rest, projects),
}
