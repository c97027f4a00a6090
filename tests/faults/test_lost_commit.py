"""2: a COMMIT that is lost, or whose acknowledgement is: one effect and a true answer, of every service.

The connection is really cut, by a proxy that watches for COMMIT on the wire. Each service is asked three
times on data of its own, with nothing lost, with the acknowledgement lost and with the COMMIT itself lost:
what it answers and what stands afterwards must be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from storefront.domain.addresses import PostalAddress
from storefront.domain.deliveries import Shipment
from storefront.domain.errors import ShopError
from storefront.domain.orders import Actor
from storefront.domain.parcels import ParcelLine, ParcelStatus
from storefront.domain.payments import RefundReason
from storefront.payments.provider import Attempt, AttemptState, RefundState
from storefront.process import Process
from storefront.repositories.aurora import database as aurora
from storefront.repositories.aurora import outcomes
from storefront.services import (
    attention,
    cancellation,
    cart_merge,
    carts,
    checkout,
    fulfilment,
    holds,
    leases,
    order_address,
    retention,
)
from storefront.services.payments import attempts, paying_back, refunds, settlement, webhooks
from storefront.stores import Stores
from tests.support.commit_proxy import CommitProxy, Lost
from tests.support.database import sql
from tests.support.factories import HOLD, lapse, order, placement, product, shopper
from tests.support.till import capture, captured, unasked
from tests.support.worker import pack, tell


@dataclass
class Subject:
    """What a case works with: a shopper, a product that is in the cart, an order."""

    direct: Stores
    user_id: UUID
    sku: str
    order_id: UUID

    @property
    def ref(self) -> str:
        return f"cs_{self.order_id.hex}"

    @property
    def intent(self) -> str:
        return f"pi_{self.order_id.hex}"

    @property
    def shipment(self) -> Shipment:
        return fulfilment._shipment(self.direct, self.direct.orders.summary(self.order_id))

    def paid(self) -> None:
        capture(self.direct, self.order_id)

    def refunding(self) -> None:
        self.paid()
        refunds.refund(self.direct, self.order_id, restock=True, reason=RefundReason.OPERATOR)

    @property
    def refund(self) -> UUID:
        (one,) = self.direct.refunds.of(self.order_id)
        return one.refund_id

    def shipped_to_dynamodb(self) -> None:
        self.paid()
        self.direct.deliveries.create(self.shipment)

    def ended(self) -> None:
        lapse(self.direct, self.order_id)
        holds._expire(self.direct, [self.order_id])

    def prepared(self) -> None:
        self.paid()
        fulfilment.write_shipment(self.direct, self.order_id)

    def half_sent(self) -> None:
        self.prepared()
        pack(self.direct, self.order_id, ParcelLine(self.sku, 1), code=f"L-{self.order_id.hex}")
        tell(self.direct, self.order_id, ParcelStatus.IN_TRANSIT)

    def with_page(self) -> None:
        attempts.store_reference(self.direct, self.order_id, 1, self.ref)

    def told(self, state: AttemptState, failure: str | None = None) -> Attempt:
        return Attempt(self.ref, state, 0, "USD", failure=failure)


@dataclass(frozen=True)
class Case:
    """``prepare`` runs beside the proxy, ``act`` through it."""

    name: str
    act: Callable[[Stores, Subject], Any]
    prepare: Callable[[Subject], Any] = lambda _: None
    repeatable: bool = True
    """Whether it could be run twice without anybody noticing."""


ELSEWHERE = PostalAddress(
    name="Ada Marsh", line1="1 High Street", city="Portland", region="OR", zip="97201", country="US"
)


def _place(stores: Stores, s: Subject) -> str:
    confirmed = placement(s.direct, s.user_id)  # type: ignore[arg-type]
    order_id = checkout.place(stores, confirmed, HOLD)
    return str(s.direct.orders.summary(order_id).status)


def _cancel(stores: Stores, s: Subject) -> str:
    return str(cancellation._cancel(stores, s.order_id, None, OPERATOR, uuid4(), rest=True))


def _carrier(stores: Stores, s: Subject) -> bool:
    return tell(stores, s.order_id, ParcelStatus.IN_TRANSIT)


def _raise(stores: Stores, s: Subject) -> int:
    webhooks._disputed(stores, s.order_id, f"du_{s.order_id.hex}")
    return len(s.direct.attention.open())


def _merge(stores: Stores, s: Subject) -> list[tuple[int, int, int]]:
    other = shopper()
    carts.add(s.direct, other, s.sku, 3)
    merged = cart_merge.merge(stores, other, s.user_id, "ada@example.com")
    return [(line.guest_qty, line.account_qty, line.qty) for line in merged]


OPERATOR = Actor.OPERATOR
DONE, REFUSED = RefundState.DONE, RefundState.REFUSED

CASES = [
    Case("add", lambda st, s: carts.add(st, s.user_id, s.sku, 1).line.qty, repeatable=False),
    Case("change", lambda st, s: carts.change(st, s.user_id, s.sku, 5).count),
    Case("remove", lambda st, s: carts.change(st, s.user_id, s.sku, 0).count),
    Case(
        "put back", lambda st, s: carts.put_back(st, s.user_id, s.order_id), Subject.ended, repeatable=False
    ),
    Case("order again", lambda st, s: carts.order_again(st, s.user_id, s.order_id), repeatable=False),
    Case("merge", _merge, repeatable=False),
    Case("place", _place),
    Case("extend", lambda st, s: holds.extend(st, s.order_id), repeatable=False),
    Case("cancel unpaid", _cancel),
    Case("cancel paid", _cancel, Subject.paid),
    Case("cancel what has not left", _cancel, Subject.half_sent),
    Case(
        "refund",
        lambda st, s: refunds.refund(st, s.order_id, restock=True, reason=RefundReason.OPERATOR),
        Subject.paid,
    ),
    Case("expire", lambda st, s: holds._expire(st, [s.order_id]), lambda s: lapse(s.direct, s.order_id)),
    Case("start paying", lambda st, s: attempts.store_reference(st, s.order_id, 1, s.ref)),
    Case("next attempt", lambda st, s: attempts.next_attempt(st, s.order_id, s.ref), Subject.with_page),
    Case("skip attempt", lambda st, s: attempts.skip_attempt(st, s.order_id, 1, failure="Declined.")),
    Case(
        "pay",
        lambda st, s: str(settlement.apply(st, unasked(), s.order_id, captured(s.direct, s.order_id))),
        Subject.with_page,
    ),
    Case(
        "decline",
        lambda st, s: settlement.apply(
            st, unasked(), s.order_id, s.told(AttemptState.OPEN, failure="Declined.")
        ),
        Subject.with_page,
    ),
    Case("checking", lambda st, s: settlement.note_checking(st, s.order_id)),
    Case("refund done", lambda st, s: paying_back.record(st, s.order_id, s.refund, DONE), Subject.refunding),
    Case(
        "refund refused",
        lambda st, s: paying_back.record(st, s.order_id, s.refund, REFUSED),
        Subject.refunding,
    ),
    Case(
        "second payment",
        lambda st, s: paying_back._duplicate_seen_to(st, s.order_id, f"stray:{s.intent}", s.intent, DONE),
    ),
    Case("dispute", _raise),
    Case("address", lambda st, s: order_address.correct(st, s.order_id, ELSEWHERE)),
    Case(
        "prepared",
        lambda st, s: fulfilment._prepared(st, s.order_id, s.shipment, fresh=True),
        Subject.shipped_to_dynamodb,
    ),
    Case("projected", lambda st, s: fulfilment._projected(st, s.order_id, 1, []), Subject.prepared),
    Case("carrier", _carrier, Subject.prepared),
    Case("release", lambda st, s: leases.release(st, [s.order_id])),
    Case("scrub", lambda st, s: retention._take_off(st, [s.order_id]), Subject.ended),
    Case(
        "attention done",
        lambda st, s: attention.done(st, s.direct.attention.open()[0].id),
        lambda s: webhooks._never_known(s.direct, s.order_id),
    ),
]


@pytest.fixture
def wire(database_url: str) -> Iterator[CommitProxy]:
    proxy = CommitProxy(database_url)
    yield proxy
    proxy.close()


def behind(process: Process, wire: CommitProxy) -> Process:
    """A shop whose way to Aurora leads through the proxy."""
    return Process(process.settings.model_copy(update={"database_url": SecretStr(wire.url)}))


def subject(stores: Stores) -> Subject:
    user_id, sku = shopper(), product(stores, quantity=50)
    order_id = order(stores, sku, qty=2, user_id=user_id)
    carts.add(stores, user_id, sku, 1)
    return Subject(stores, user_id, sku, order_id)


def facts(s: Subject) -> dict[str, object]:
    """All that stands of a subject, without ids and times."""
    view = s.direct.orders.view(s.order_id)
    level = s.direct.stock.level(s.sku)
    return {
        "order": (view.status, view.payment_status, view.external_ref == s.ref, view.attempt),
        "held": view.expires_at - view.created_at,
        "events": [event.kind for event in view.events],
        "delivery": (view.delivery.status, view.delivery.version) if view.delivery else None,
        "address": view.address.line1,
        "stock": (level.quantity, level.reserved),
        "cart": [(line.qty, line.price_cents) for line in s.direct.carts.active(s.user_id).lines],
        "orders": len(s.direct.orders.newest(100, s.user_id)),
        "attention": [item.kind for item in s.direct.attention.open() if item.order_id == s.order_id],
        "open": sql(s.direct, "SELECT count(*) FROM attention WHERE done_at IS NULL"),
    }


def outcome(process: Process, wire: CommitProxy, case: Case, lost: Lost) -> tuple[object, dict[str, object]]:
    direct = process.stores()
    sql(direct, "DELETE FROM attention")
    s = subject(direct)
    case.prepare(s)
    made = behind(process, wire)
    try:
        wire.lose(lost)
        try:
            answer: object = case.act(made.stores(), s)
        except ShopError as error:
            answer = repr(error)
        assert wire.lost == (lost is not Lost.NOTHING), "no COMMIT came by"
    finally:
        made.engines.dispose()
    return answer, facts(s)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_2_whatever_is_lost_of_a_commit_the_answer_is_true_and_the_effect_one(
    process: Process, wire: CommitProxy, case: Case
) -> None:
    expected = outcome(process, wire, case, Lost.NOTHING)
    assert not str(expected[0]).startswith("StoreUnavailable")
    for lost in (Lost.ACKNOWLEDGEMENT, Lost.COMMIT):
        assert outcome(process, wire, case, lost) == expected, lost


@pytest.mark.parametrize("case", [case for case in CASES if not case.repeatable], ids=lambda case: case.name)
def test_2_control_run_again_without_asking_it_shows(
    process: Process, wire: CommitProxy, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the question left out, each of these has two effects or a false answer."""

    def unasked_commit(unit: Session | Connection, _engine: Engine) -> None:
        unit.commit()

    expected = outcome(process, wire, case, Lost.NOTHING)
    monkeypatch.setattr(aurora, "commit", unasked_commit)
    assert outcome(process, wire, case, Lost.ACKNOWLEDGEMENT) != expected


# --- when nobody can tell


def test_2_what_is_not_repeatable_is_not_repeated_while_nobody_can_tell(
    process: Process, wire: CommitProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a failover: another server's transaction ids say nothing about ours."""
    mark = outcomes._mark

    def of_another_server(connection: Connection) -> outcomes.Mark | None:
        found = mark(connection)
        return found._replace(started=found.started.replace(year=2000)) if found else None

    monkeypatch.setattr(outcomes, "_mark", of_another_server)
    answer, stands = outcome(process, wire, CASES[0], Lost.ACKNOWLEDGEMENT)
    assert "CommitUnknown" in str(answer)
    assert stands["cart"] == [(2, 1200)], "once, or not at all, and never twice"
    place = next(case for case in CASES if case.name == "place")
    assert outcome(process, wire, place, Lost.ACKNOWLEDGEMENT)[0] == "pending", "the cart is its key"


def test_a_transaction_id_that_the_server_has_not_given_away_stands_nowhere(process: Process) -> None:
    started, pid = sql(process.stores(), "SELECT pg_postmaster_start_time(), pg_backend_pid()")[0]
    mark = outcomes.Mark(str(2**40 + 1000), int(str(pid)), started)  # type: ignore[arg-type]
    assert outcomes._stands(process.engines.writer, mark) is False


def test_a_server_that_still_waits_for_the_commit_is_told_not_to(process: Process, database_url: str) -> None:
    """A black hole took the COMMIT: the transaction would stay open, its locks held, for ten seconds."""
    with psycopg.connect(database_url) as waiting:
        waiting.execute("UPDATE shop SET shop_id = shop_id")
        row = waiting.execute(outcomes._MARK.sql).fetchone()
        assert row is not None
        assert outcomes._stands(process.engines.writer, outcomes.Mark(*row)) is False
        with pytest.raises(psycopg.OperationalError):
            waiting.execute("SELECT 1")


def test_what_wrote_nothing_is_not_marked(stores: Stores) -> None:
    with stores.transaction():
        stores.orders.now()
        assert outcomes._mark(stores.db.session.connection()) is None
