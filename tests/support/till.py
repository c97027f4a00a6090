"""Payments on Stripe's stand-in, and payments as if Stripe had answered, in few words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from uuid import UUID

from storefront.config import Settings
from storefront.domain.ids import UserId
from storefront.domain.order_views import OrderView
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.refunds import RefundStatus
from storefront.payments.provider import Attempt, AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.process import Process
from storefront.services import holds
from storefront.services.payments import attempts, charging, paying_back, settlement
from storefront.services.payments.charging import Onward
from storefront.stores import Stores
from tests.support.database import plant
from tests.support.factories import GOOD_CARD, back, lapse, order, pay_page
from tests.support.otherwise import otherwise
from tests.support.saved_cards import Customer, intents_of
from tests.support.stripe_control import api, refunds_of, sessions_of


def open_page(process: Process, order_id: UUID, save_for: str | None = None) -> str:
    """The address of Stripe's page for an order."""
    stores = process.stores()
    return attempts.start(stores, process.stripe, stores.orders.summary(order_id), back, save_for=save_for)


def settle(process: Process, order_id: UUID) -> OrderStatus:
    stores = process.stores()
    return settlement.settle(stores, process.stripe, stores.orders.summary(order_id))


def unasked() -> Stripe:
    """A client whose currency is all that is wanted of it: asked anything, it fails."""
    return Stripe(Settings(database_url="postgresql://nobody@127.0.0.1:9/none"))


def captured(
    stores: Stores, order_id: UUID, *, ref: str = "", cents: int | None = None, currency: str = "USD"
) -> Attempt:
    """What Stripe would tell of an order's attempt that went through, for its total unless ``cents``."""
    summary = stores.orders.summary(order_id)
    ref = ref or summary.external_ref or f"cs_{order_id.hex}"
    return Attempt(
        ref=ref,
        state=AttemptState.CAPTURED,
        captured_cents=summary.total_cents if cents is None else cents,
        currency=currency,
        intent=f"pi_{ref.removeprefix('cs_')}",
        order_id=str(order_id),
    )


def capture(stores: Stores, order_id: UUID) -> UUID:
    """Let an order be paid as if Stripe had captured its first attempt, without asking it."""
    attempt = captured(stores, order_id)
    # By SQL, since an order whose hold has ended takes no reference, but may well be paid late.
    plant(
        stores, "UPDATE payments SET external_ref = :ref WHERE order_id = :id", ref=attempt.ref, id=order_id
    )
    settlement.apply(stores, unasked(), order_id, attempt)
    return order_id


class Till:
    """A shop's payments on Stripe's stand-in, by its hosted page or by a saved card of ``ada``."""

    def __init__(self, process: Process, address: str) -> None:
        self.process = process
        self.address = address
        self.stores = process.stores()

    @cached_property
    def ada(self) -> Customer:
        return Customer(self.process, self.address)

    def order(self, *skus: str) -> UUID:
        """A pending order of ada's."""
        assert self.ada.user_id is not None
        return order(self.process.stores(), *skus, user_id=UserId(self.ada.user_id))

    def start(self, order_id: UUID, save_for: str | None = None) -> str:
        return open_page(self.process, order_id, save_for)

    def charge(self, order_id: UUID, token: str) -> Onward:
        """Pay with one of ada's saved cards."""
        stores = self.process.stores()
        return charging.charge(
            stores,
            self.process.stripe,
            self.view(order_id),
            self.ada.stripe_id,
            token,
            "http://127.0.0.1/return",
        )

    def cards_otherwise(self, **calls: Callable[..., object]) -> None:
        """Let the shop's client do these calls about cards otherwise."""
        stripe = self.process.stripe
        stripe.cards = otherwise(stripe.cards, **calls)

    def states(self, order_id: UUID) -> list[str]:
        """Of the order's PaymentIntents, the oldest first."""
        return [str(one["status"]) for one in intents_of(self.address, order_id)]

    def settle(self, order_id: UUID) -> OrderStatus:
        return settle(self.process, order_id)

    def apply(self, order_id: UUID, told: Attempt) -> OrderStatus:
        return settlement.apply(self.stores, self.process.stripe, order_id, told)

    def pay(self, order_id: UUID, card: str = GOOD_CARD) -> None:
        """The shopper pays; the shop has not heard of it yet."""
        pay_page(self.start(order_id), card)

    def paid(self, *skus: str, card: str = GOOD_CARD, qty: int = 1) -> UUID:
        order_id = order(self.stores, *skus, qty=qty)
        self.pay(order_id, card)
        assert self.settle(order_id) is OrderStatus.PAID
        return order_id

    def view(self, order_id: UUID) -> OrderView:
        return self.process.stores().orders.view(order_id)

    def kinds(self, order_id: UUID) -> list[EventKind]:
        return [event.kind for event in self.view(order_id).events]

    def level(self, sku: str) -> tuple[int, int]:
        """Units on hand, and how many of them are reserved."""
        found = self.stores.stock.level(sku)
        return found.quantity, found.reserved

    def intent(self, order_id: UUID) -> str:
        """The one PaymentIntent of the order's one paid session."""
        (paid,) = [one for one in sessions_of(self.address, order_id) if one["payment_status"] == "paid"]
        return str(paid["payment_intent"])

    def refunded(self, order_id: UUID) -> int:
        """Cents Stripe gave back."""
        return sum(
            one["amount"]
            for one in refunds_of(self.address, self.intent(order_id))
            if one["status"] in ("succeeded", "pending")
        )

    def pay_back(self, order_id: UUID) -> list[RefundStatus]:
        """Let Stripe be asked for what is due; how each of the order's refunds stands then."""
        paying_back.finish(self.process.stores(), self.process.stripe, order_id)
        return [refund.status for refund in self.view(order_id).refunds]

    def expire(self, order_id: UUID) -> None:
        """The hold ends as the worker ends it, while the page stays payable: the worst case."""
        lapse(self.stores, order_id)
        holds._expire(self.stores, [order_id])

    def second_page(self, order_id: UUID) -> str:
        """The id of a page nobody should have: the shop has lost sight of it, and it was paid."""
        session = api(
            self.address,
            "POST",
            "checkout/sessions",
            **{
                "mode": "payment",
                "line_items[0][quantity]": "1",
                "line_items[0][price_data][currency]": "usd",
                "line_items[0][price_data][unit_amount]": "1200",
                "line_items[0][price_data][product_data][name]": "Thing",
                "metadata[order_id]": str(order_id),
                "metadata[shop]": self.stores.shop_id,
                "success_url": "http://127.0.0.1/",
            },
        )
        pay_page(session["url"])
        return str(session["id"])
