"""Carts that nobody comes back for leave after ninety days; those that became orders stay."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text

from storefront.process import Process
from storefront.services import abandoned, carts, shopper_claims
from storefront.services.abandoned import Tidying, delete_carts, forget_visitors
from storefront.services.cart_merge import merge
from storefront.stores import Stores
from tests.support.database import count, sql
from tests.support.factories import order, product, shopper

AGE = "UPDATE carts SET created_at = now() - interval '91 days', changed_at = NULL WHERE user_id = :who"


def test_an_abandoned_cart_leaves_and_a_used_one_stays(stores: Stores) -> None:
    sku = product(stores)
    left, used, fresh = shopper(), shopper(), shopper()
    for who in (left, used, fresh):
        carts.add(stores, who, sku, 1)
    for who in (left, used):
        sql(stores, AGE, who=who)
    carts.add(stores, used, sku, 1)
    assert delete_carts(stores) == 1
    assert [stores.carts.active(who).count for who in (left, used, fresh)] == [0, 2, 1]
    assert delete_carts(stores) == 0


def test_the_cart_of_an_order_stays_however_old(stores: Stores) -> None:
    who = shopper()
    order_id = order(stores, user_id=who)
    sql(stores, AGE, who=who)
    assert delete_carts(stores) == 0
    assert len(stores.orders.view(order_id).lines) == 1


def test_a_cart_that_somebody_is_changing_is_passed_over(process: Process, stores: Stores) -> None:
    sku, who = product(stores), shopper()
    carts.add(stores, who, sku, 1)
    sql(stores, AGE, who=who)
    other = process.stores()
    with other.transaction():
        other.carts.open(who)
        assert delete_carts(stores) == 0
    assert delete_carts(stores) == 0, "it was used today"
    assert stores.carts.active(who).count == 1


def test_many_leave_in_batches_once_an_hour(stores: Stores) -> None:
    sku = product(stores)
    for _ in range(5):
        carts.add(stores, shopper(), sku, 1)
    sql(stores, "UPDATE carts SET created_at = now() - interval '91 days', changed_at = NULL")
    assert [delete_carts(stores, 2) for _ in range(4)] == [2, 2, 1, 0]
    tidy = Tidying()
    assert tidy(stores) == 0
    sql(stores, "INSERT INTO carts (cart_id, user_id, created_at) VALUES (:c, :c, '2020-01-01')", c=uuid4())
    assert tidy(stores) == 0, "it has just looked"
    assert Tidying()(stores) == 1


def test_the_look_for_them_is_by_index(stores: Stores) -> None:
    look = (
        "EXPLAIN SELECT cart_id FROM carts WHERE closed_at IS NULL"
        " AND coalesce(changed_at, created_at) < now() - interval '90 days'"
        " ORDER BY coalesce(changed_at, created_at) LIMIT 500"
    )
    with stores.transaction():
        # A table of a few rows is read whole, or by any index, and sorted.
        stores.db.session.execute(text("SET LOCAL enable_seqscan = off"))
        stores.db.session.execute(text("SET LOCAL enable_sort = off"))
        plan = stores.db.session.execute(text(look)).all()
    assert "carts_abandoned_idx" in str(plan)


def test_merged_ids_are_forgotten_once_no_cookie_has_them_and_accounts_never(stores: Stores) -> None:
    guest, account = shopper(), shopper()
    merge(stores, guest, account, "ada@example.com")
    shopper_claims.keep(stores, account)
    sql(stores, "UPDATE shopper_claims SET since = now() - :age", age=abandoned.KEEP_CLAIMS - timedelta(1))
    forget_visitors(stores)
    assert count(stores, "shopper_claims") == 2
    sql(stores, "UPDATE shopper_claims SET since = now() - :age", age=abandoned.KEEP_CLAIMS + timedelta(1))
    forget_visitors(stores)
    assert shopper_claims.is_guest(stores, guest)
    assert not shopper_claims.is_guest(stores, account)
