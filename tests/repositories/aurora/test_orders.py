"""Orders in Aurora, and the queues the worker takes from."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, exc, text

from storefront.domain.addresses import PostalAddress
from storefront.domain.errors import NotFound
from storefront.domain.orders import OrderStatus
from storefront.process import Process
from storefront.stores import Stores
from tests.support.factories import lapse, order, product, shopper

LEASE = timedelta(seconds=20)


def test_what_is_not_there_is_not_found(stores: Stores) -> None:
    for call in (stores.orders.summary, stores.orders.view):
        with pytest.raises(NotFound):
            call(shopper())
    with pytest.raises(NotFound), stores.transaction():
        stores.orders.lock(shopper())
    with pytest.raises(NotFound):
        stores.orders.find_number("7K3M-Q9TX")


def test_number_and_address_find_an_order_whatever_the_case_of_the_address(stores: Stores) -> None:
    order_id = order(stores)
    number = stores.orders.summary(order_id).number
    assert stores.orders.find(number, "ADA@EXAMPLE.COM") == order_id
    assert stores.orders.find_number(number) == order_id
    for wrong in ("eve@example.com", "%", ""):
        with pytest.raises(NotFound):
            stores.orders.find(number, wrong)


def test_a_lock_shows_the_row_as_it_is_under_the_lock(process: Process, stores: Stores) -> None:
    """A row loaded before it would otherwise stay as it was then."""
    order_id = order(stores)
    with stores.transaction():
        before, _ = stores.orders.lock(order_id)
        stores.db.session.commit()
        other = process.stores()
        with other.transaction():
            row, _ = other.orders.lock(order_id)
            row.email = "new@example.com"
        after, _ = stores.orders.lock(order_id)
        assert after is before
        assert after.email == "new@example.com"


def test_newest_first_of_one_shopper_or_of_all(stores: Stores) -> None:
    user_id = shopper()
    sku = product(stores, quantity=50)
    mine = [order(stores, sku, user_id=user_id) for _ in range(2)]
    other = order(stores, sku)
    assert [row.order_id for row in stores.orders.newest(10, user_id)] == mine[::-1]
    assert [row.order_id for row in stores.orders.newest(2)] == [other, mine[1]]


def test_the_unpaid_order_that_ends_first_leads(stores: Stores) -> None:
    user_id = shopper()
    sku = product(stores, quantity=50)
    order(stores, sku, user_id=user_id, hold=timedelta(hours=2))
    soon = order(stores, sku, user_id=user_id, hold=timedelta(hours=1))
    gone = order(stores, sku, user_id=user_id)
    lapse(stores, gone)
    found = stores.orders.unpaid_of(user_id)
    assert found is not None
    assert found.order_id == soon
    assert stores.orders.unpaid_of(shopper()) is None


def test_a_claimed_order_is_passed_over_until_its_lease_is_over(stores: Stores) -> None:
    order_id = order(stores)
    lapse(stores, order_id)
    claims = []
    for _ in range(2):
        with stores.transaction():
            claims.append(stores.order_queues.claim_lapsed(10, LEASE))
    assert [[claim.order_id for claim in claimed] for claimed in claims] == [[order_id], []]
    with stores.transaction():
        stores.order_queues.release([order_id])
    with stores.transaction():
        assert len(stores.order_queues.claim_lapsed(10, LEASE)) == 1


def test_24_what_another_worker_has_locked_is_passed_over_at_once(process: Process, stores: Stores) -> None:
    first, second = order(stores), order(stores)
    for one in (first, second):
        lapse(stores, one)
    other = process.stores()
    with stores.transaction():
        stores.orders.lock(first)
        with other.transaction():
            assert [claim.order_id for claim in other.order_queues.claim_lapsed(10, LEASE)] == [second]


def test_a_batch_takes_no_more_than_it_may(stores: Stores) -> None:
    for _ in range(5):
        lapse(stores, order(stores))
    with stores.transaction():
        assert len(stores.order_queues.claim_lapsed(3, LEASE)) == 3


def test_only_pending_orders_past_their_time_expire(stores: Stores) -> None:
    held, lapsed, paid = order(stores), order(stores), order(stores, product(stores, price=0))
    for one in (lapsed, paid):
        lapse(stores, one)
    with stores.transaction():
        done = stores.orders.expire([held, lapsed, paid])
        assert [one.order_id for one in done] == [lapsed]
        stores.stock.release(one.cart_id for one in done)
    assert stores.orders.summary(held).status is OrderStatus.PENDING
    assert stores.orders.summary(paid).status is OrderStatus.PAID


def test_the_queue_for_dynamodb_is_read_by_its_index(process: Process, stores: Stores) -> None:
    """Spelt otherwise than the partial index it would read every order there ever was, each second."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(process.engines.writer, "before_cursor_execute", note)
    try:
        with stores.transaction():
            stores.order_queues.claim_unprojected(10, LEASE)
    finally:
        event.remove(process.engines.writer, "before_cursor_execute", note)
    assert any("(orders.delivery ->> 'projected') = 'false'" in one for one in seen)
    with stores.transaction():
        stores.db.session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = stores.db.session.execute(
            text("EXPLAIN SELECT order_id FROM orders WHERE (delivery ->> 'projected') = 'false'")
        ).all()
    assert "orders_unprojected_idx" in str(plan)


@pytest.mark.parametrize(
    "address",
    [
        PostalAddress(name="Ada", line1="1", city="X", zip="1", country="US"),
        PostalAddress(
            name='"\\{}', line1="é茶😀", city="'", zip="<>", country="JP", line2="\u200f", phone="+1"
        ),
    ],
)
def test_an_address_comes_back_as_it_was_typed(stores: Stores, address: PostalAddress) -> None:
    order_id = order(stores)
    with stores.transaction():
        row, _ = stores.orders.lock(order_id)
        row.address = address
    assert stores.orders.summary(order_id).address == address


@pytest.mark.parametrize(
    "broken",
    [
        "status = 'lost'",
        "total_cents = -1",
        "total_cents = 100000000",
        "number = 'ILOU-ILOU'",
        "expires_at = created_at",
    ],
)
def test_the_database_itself_refuses_odd_orders(stores: Stores, broken: str) -> None:
    order(stores)
    with pytest.raises(exc.IntegrityError), stores.transaction():
        stores.db.session.execute(text(f"UPDATE orders SET {broken}"))


def test_a_cart_makes_one_order(stores: Stores) -> None:
    """I8, held by the database: what a second submit runs into when all else fails."""
    first, second = order(stores), order(stores)
    cart_id = stores.orders.summary(first).cart_id
    with pytest.raises(exc.IntegrityError), stores.transaction():
        stores.db.session.execute(
            text("UPDATE orders SET cart_id = :c WHERE order_id = :o"), {"c": cart_id, "o": second}
        )
