"""A shop at work: shoppers, operators, carriers, workers and crashes in any order (hypothesis).

After every step Aurora's books must balance, and once all is quiet those of DynamoDB and Stripe as well.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storefront.audit import invariants
from storefront.domain.errors import ShopError
from storefront.domain.orders import Actor
from storefront.domain.parcels import CARRIER_STATUSES, ParcelLine, ParcelStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.services import cancellation, carrier_events, decisions, holds, order_address, parcels
from storefront.services.payments import refunds, webhooks
from tests.support.audit import assert_sound
from tests.support.database import sql
from tests.support.factories import ADDRESS, DECLINED_CARD, GOOD_CARD, lapse, order, pay_page, product
from tests.support.otherwise import otherwise
from tests.support.stripe_control import advance, api, signed, unavailable
from tests.support.till import open_page, settle
from tests.support.worker import event, pack, work

REFUND_FAILS = "4000000000005126"
CARDS = [GOOD_CARD, GOOD_CARD, GOOD_CARD, DECLINED_CARD, REFUND_FAILS]
WHICH = st.integers(0, 50)
"""An order, a SKU or a parcel: the one of this number, counted in a circle."""
SELDOM = st.sampled_from([False, False, False, True])
SEAMS = ["open_checkout", "retrieve", "close", "give", "dynamodb"]


class Crash(BaseException):
    """The process ends here; what it had asked for is done."""


def run_machine(
    process: Process,
    stripe: str,
    empty: Callable[[], None],
    *,
    examples: int,
    steps: int,
    the_same: bool = False,
) -> Counter[str]:
    """Let hypothesis try so many histories of at most so many steps each, every one on empty tables; the
    same ones every time where ``the_same`` says so. How many orders ended in each state.
    """
    ended = Counter[str]()

    class Machine(ShopAtWork):
        def __init__(self) -> None:
            empty()
            super().__init__(process, stripe)

        def teardown(self) -> None:
            super().teardown()
            stores = self.process.stores()
            ended.update(stores.orders.summary(one).status.value for one in self.orders)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            database=None,
            derandomize=the_same,
            phases=[Phase.generate],  # to shrink what was found takes ten times as long
        ),
    )
    return ended


def has_orders(self: ShopAtWork) -> bool:
    return bool(self.orders)


class ShopAtWork(RuleBasedStateMachine):
    def __init__(self, process: Process, stripe: str) -> None:
        super().__init__()
        self.process = process
        self.address = stripe
        stores = process.stores()
        # One is scarce, so that it is fought for, and one is free of charge.
        self.skus = [product(stores, price=p, quantity=q) for p, q in ((1200, 5), (500, 80), (0, 80))]
        self.orders: list[UUID] = []
        self.pages: list[str] = []

    def _order(self, which: int) -> UUID:
        return self.orders[which % len(self.orders)]

    def _sku(self, which: int) -> str:
        return self.skus[which % len(self.skus)]

    @staticmethod
    def _try(call: Callable[[], object]) -> None:
        """A refusal in the shop's own words is an answer like another; anything else is a bug."""
        with suppress(ShopError, Crash):
            call()

    # --- shoppers

    @rule(sku=WHICH, other=WHICH, qty=st.integers(1, 3))
    def place(self, sku: int, other: int, qty: int) -> None:
        def placed() -> None:
            wanted = dict.fromkeys([self._sku(sku), self._sku(other)])
            self.orders.append(order(self.process.stores(), *wanted, qty=qty))

        self._try(placed)

    @rule(sku=WHICH, other=WHICH, qty=st.integers(1, 3), steps=st.integers(0, 2))
    def buy(self, sku: int, other: int, qty: int, steps: int) -> None:
        """What goes well from cart to carrier, so that what may go wrong afterwards is met as well."""
        before = len(self.orders)
        self.place(sku, other, qty)
        if len(self.orders) == before:
            return
        self.open_a_page(before)
        if self.pages:
            pay_page(self.pages[-1])
        self.come_back(before)
        self.work()
        if steps:
            self.book(before, 0, 0)
        for status in (ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)[:steps]:
            self.report(before, 0, status, 0, twice=False)

    @precondition(has_orders)
    @rule(which=WHICH)
    def open_a_page(self, which: int) -> None:
        self._try(lambda: self.pages.append(open_page(self.process, self._order(which))))

    @precondition(lambda self: bool(self.pages))
    @rule(which=WHICH, card=st.sampled_from(CARDS))
    def pay(self, which: int, card: str) -> None:
        pay_page(self.pages[which % len(self.pages)], card)

    @precondition(has_orders)
    @rule(which=WHICH)
    def come_back(self, which: int) -> None:
        self._try(lambda: settle(self.process, self._order(which)))

    @precondition(has_orders)
    @rule(which=WHICH)
    def let_the_hold_lapse(self, which: int) -> None:
        stores = self.process.stores()
        if stores.orders.summary(self._order(which)).held:
            lapse(stores, self._order(which))

    @precondition(has_orders)
    @rule(which=WHICH)
    def extend(self, which: int) -> None:
        self._try(lambda: holds.extend(self.process.stores(), self._order(which)))

    @precondition(has_orders)
    @rule(
        which=WHICH,
        by=st.sampled_from(Actor),
        rest=st.booleans(),
        force=st.sampled_from([False] * 3 + [True]),
    )
    def cancel(self, which: int, by: Actor, rest: bool, force: bool) -> None:
        stores, stripe = self.process.stores(), self.process.stripe
        self._try(
            lambda: cancellation.cancel(stores, stripe, self._order(which), by=by, rest=rest, force=force)
        )

    @precondition(has_orders)
    @rule(which=WHICH, number=st.integers(1, 9))
    def move(self, which: int, number: int) -> None:
        address = ADDRESS.__class__(**{**ADDRESS.__dict__, "line1": f"{number} Mill Lane"})
        self._try(lambda: order_address.correct(self.process.stores(), self._order(which), address))

    # --- operators

    @precondition(has_orders)
    @rule(which=WHICH, sku=WHICH, qty=st.integers(0, 3), restock=st.booleans())
    def refund(self, which: int, sku: int, qty: int, restock: bool) -> None:
        self._try(
            lambda: refunds.refund(
                self.process.stores(),
                self._order(which),
                restock=restock,
                reason=RefundReason.OPERATOR,
                units={self._sku(sku): qty} if qty else None,
            )
        )

    @rule(sku=WHICH, units=st.integers(1, 3))
    def receive(self, sku: int, units: int) -> None:
        stores = self.process.stores()
        with stores.transaction():
            stores.stock.receive(self._sku(sku), units)

    @rule(which=WHICH)
    def see_to_it(self, which: int) -> None:
        stores = self.process.stores()
        if listed := list(stores.attention.open()):
            self._try(lambda: decisions.done(stores, listed[which % len(listed)].id))

    # --- warehouse and carrier

    @precondition(has_orders)
    @rule(which=WHICH, sku=WHICH, qty=st.integers(0, 2))
    def book(self, which: int, sku: int, qty: int) -> None:
        lines = [ParcelLine(self._sku(sku), qty)] if qty else []
        self._try(lambda: pack(self.process.stores(), self._order(which), *lines, carrier="DHL"))

    @precondition(has_orders)
    @rule(
        which=WHICH,
        parcel=WHICH,
        status=st.sampled_from(sorted(CARRIER_STATUSES)),
        hours=st.integers(-72, 0),
        twice=st.booleans(),
    )
    def report(self, which: int, parcel: int, status: ParcelStatus, hours: int, twice: bool) -> None:
        stores = self.process.stores()
        if of_order := stores.parcels.of(self._order(which)):
            told = event(of_order[parcel % len(of_order)].tracking_code, status, stores.orders.now())
            earlier = told.report.__class__(
                **{**told.report.__dict__, "at": told.report.at + timedelta(hours=hours)}
            )
            for _ in range(2 if twice else 1):
                self._try(
                    lambda: carrier_events.record(
                        stores, told.__class__(told.tracking_code, earlier, told.carrier)
                    )
                )

    @precondition(has_orders)
    @rule(which=WHICH, parcel=WHICH)
    def withdraw(self, which: int, parcel: int) -> None:
        stores = self.process.stores()
        if of_order := stores.parcels.of(self._order(which)):
            code = of_order[parcel % len(of_order)].tracking_code
            self._try(lambda: parcels.cancel(stores, stores.parcels.find(code)[0]))

    # --- Stripe, the worker, the clock

    @precondition(has_orders)
    @rule(which=WHICH, times=st.integers(1, 2))
    def webhook(self, which: int, times: int) -> None:
        """What Stripe would post of the order's page as it is now, again and again."""
        ref = self.process.stores().orders.summary(self._order(which)).external_ref
        if ref is None or not ref.startswith("cs_"):
            return
        session = api(self.address, "GET", f"checkout/sessions/{ref}")
        kind = {"complete": "completed", "expired": "expired"}.get(session["status"])
        if kind:
            told = {
                "id": f"evt_{uuid4().hex}",
                "object": "event",
                "type": f"checkout.session.{kind}",
                "data": {"object": session},
            }
            for _ in range(times):
                self._try(partial(self._hear, signed(json.dumps(told).encode())))

    def _hear(self, post: dict[str, Any]) -> None:
        stripe = self.process.stripe
        heard = stripe.read_event(post["data"], post["headers"]["Stripe-Signature"])
        webhooks.handle(self.process.stores(), stripe, heard)

    @rule()
    def work(self) -> None:
        work(self.process)

    @rule(seconds=st.sampled_from([1, 60, 4000]))
    def time_passes_at_stripe(self, seconds: int) -> None:
        """Pages end there, refunds settle. Then its clock is ours again, or no page could be opened."""
        advance(self.address, seconds)
        try:
            for page in self.pages[-3:]:
                requests.get(page, timeout=10)
            self.work()
        finally:
            advance(self.address, -seconds)

    @precondition(has_orders)
    @rule(which=WHICH, doing=st.sampled_from(["work", "come_back", "cancel", "open_a_page"]))
    def while_stripe_is_away(self, which: int, doing: str) -> None:
        with unavailable(self.address):
            self._do(doing, which)
        self.process.stripe.breaker.close()

    @precondition(has_orders)
    @rule(
        which=WHICH,
        doing=st.sampled_from(["work", "come_back", "cancel", "open_a_page"]),
        seam=st.sampled_from(SEAMS),
    )
    def crash(self, which: int, doing: str, seam: str) -> None:
        with crashing(self.process, seam):
            self._do(doing, which)

    def _do(self, doing: str, which: int) -> None:
        if doing == "work":
            self._try(lambda: work(self.process))
        elif doing == "cancel":
            self.cancel(which, Actor.SHOPPER, rest=True, force=False)
        else:
            getattr(self, doing)(which)

    # --- what must stay true

    @invariant()
    def the_books_balance(self) -> None:
        with self.process.stores().db.snapshot() as connection:
            found = [one for _, check in invariants.CHECKS for one in check(connection, "USD")]
        assert not found, "\n".join(f"{one.invariant}: {one.message}" for one in found)

    def teardown(self) -> None:
        # Stripe's news reach the shop in the end; the worker itself asks about a page only after a while.
        for one in self.orders:
            self._try(partial(settle, self.process, one))
        # The leases of those that crashed end in twenty seconds.
        sql(self.process.stores(), "UPDATE orders SET claimed_until = NULL")
        for _ in range(3):
            work(self.process)
        assert_sound(self.process, stripe=True)


@contextmanager
def crashing(process: Process, seam: str) -> Iterator[None]:
    """The first call over this seam is made, and then nothing more happens."""
    if seam == "dynamodb":
        events = process.dynamodb.client.meta.events

        def dies(**_: object) -> None:
            raise Crash

        events.register("after-call.dynamodb", dies, unique_id="crash")
        try:
            yield
        finally:
            events.unregister("after-call.dynamodb", unique_id="crash")
        return
    stripe, refunds_ = process.stripe, process.stripe.refunds

    def then_dies(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> None:
            real(*arguments, **more)
            raise Crash

        return call

    if seam == "give":
        process.stripe = otherwise(stripe)
        process.stripe.refunds = otherwise(refunds_, give=then_dies(refunds_.give))
    else:
        process.stripe = otherwise(stripe, **{seam: then_dies(getattr(stripe, seam))})
    try:
        yield
    finally:
        process.stripe = stripe
