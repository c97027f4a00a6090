"""How much one worker gets done: lapsed holds without a payment page and with one, and shipments.

``python -m bench.worker [orders]`` starts stores of its own. Pages are closed as fast as Stripe's stand-in
answers, and beside it at the pace of a live key; shipments go to the stand-in of DynamoDB, whose limit they
may meet.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import bindparam, text

from bench.placing import ADDRESS
from bench.purchase import stores
from storefront.config import Settings
from storefront.domain.orders import Order, OrderStatus
from storefront.payments.pace import LIVE, Pace
from storefront.payments.provider import ChargeRequest
from storefront.payments.stripe_client import Stripe
from storefront.process import Process
from storefront.services import fulfilment, holds

ORDERS = 10_000
PAGES = 300
SHIPMENTS = 400
CALLERS = 8

# As many orders as wanted, of two lines each, as if placed an hour ago.
_PLACE = text("""
    WITH placed AS MATERIALIZED (
        SELECT n, gen_random_uuid() AS order_id, gen_random_uuid() AS cart_id
          FROM generate_series(1, :orders) AS n),
    goods AS MATERIALIZED (
        SELECT sku, name, price_cents, row_number() OVER (ORDER BY sku) - 1 AS place, count(*) OVER () AS all_
          FROM products WHERE listed),
    cart AS (
        INSERT INTO carts (cart_id, user_id, closed_at)
        SELECT cart_id, gen_random_uuid(), now() FROM placed RETURNING cart_id),
    line AS (
        INSERT INTO cart_items (cart_id, sku, qty, price_cents, name)
        SELECT cart_id, sku, 1, price_cents, name FROM placed
          JOIN goods ON place IN (n % all_, (n * 7 + 1) % all_) RETURNING sku),
    stocked AS (
        UPDATE stock SET quantity = quantity + units * 2, received = received + units * 2,
                         reserved = reserved + CASE WHEN :status = 'pending' THEN units ELSE 0 END
          FROM (SELECT sku, count(*) AS units FROM line GROUP BY sku) AS wanted
         WHERE stock.sku = wanted.sku),
    orders_ AS (
        INSERT INTO orders (order_id, user_id, cart_id, status, total_cents, address, created_at, expires_at,
                            number, email, promised_on)
        SELECT order_id, gen_random_uuid(), cart_id, :status, 1000, :address, now() - interval '1 hour',
               now() - interval '45 minutes',
               substr(code, 1, 4) || '-' || substr(code, 5), 'bench@example.com', current_date + 3
          FROM (SELECT *, upper(lpad(to_hex(n + :first), 8, '0')) AS code FROM placed) AS numbered
     RETURNING order_id)
    INSERT INTO payments (payment_id, order_id, status, provider)
    SELECT gen_random_uuid(), order_id,
           CASE WHEN :status = 'pending' THEN 'pending' ELSE 'captured' END,
           CASE WHEN :status = 'pending' THEN 'stripe' ELSE 'none' END
      FROM orders_
""").bindparams(bindparam("address", type_=Order.__table__.c.address.type))


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    with stores():
        for line in report(Process(Settings()), orders):
            print(line, flush=True)


def report(process: Process, orders: int = ORDERS) -> list[str]:
    """One line each; ``process`` reaches the stores of a shop that no other worker tends."""
    lines = []
    _place(process, orders, OrderStatus.PENDING, first=1 << 20)
    lines.append(
        f"Lapsed holds without a payment page ended: {_rate(orders, lambda: _expire(process))} a second."
    )
    _open_pages(process, first=1 << 24)
    lines.append(
        f"With a page, as fast as the stand-in closes it: {_rate(PAGES, lambda: _expire(process))} a second."
    )
    _open_pages(process, first=1 << 25)
    process.stripe.keep_pace(Pace(LIVE))
    lines.append(f"The same at the pace of a live key: {_rate(PAGES, lambda: _expire(process))} a second.")
    _place(process, SHIPMENTS, OrderStatus.PAID, first=1 << 26)
    written = _rate(SHIPMENTS, lambda: fulfilment.write_shipments(process.stores()))
    return [*lines, f"Shipments written, on the stand-in of DynamoDB: {written} a second."]


def _expire(process: Process) -> int:
    return holds.expire_lapsed(process.stores(), process.stripe)


def _rate(wanted: int, batch: Callable[[], int]) -> str:
    """Batches until so many are done; how many a second."""
    done, started = 0, time.perf_counter()
    while done < wanted:
        more = batch()
        if not more:
            raise SystemExit(f"only {done} of {wanted} were done")
        done += more
    return f"{done / (time.perf_counter() - started):,.0f}"


def _place(process: Process, orders: int, status: OrderStatus, *, first: int) -> None:
    """``first`` makes their numbers differ from those of other calls."""
    stores = process.stores()
    with stores.transaction():
        stores.db.session.execute(text("SET LOCAL statement_timeout = 0"))
        given = {"orders": orders, "status": str(status), "first": first, "address": ADDRESS}
        stores.db.session.execute(_PLACE, given)
    for table in ("orders", "payments", "cart_items", "stock"):
        stores.db.maintain(text(f"VACUUM ANALYZE {table}"))


def _open_pages(process: Process, *, first: int) -> None:
    _place(process, PAGES, OrderStatus.PENDING, first=first)
    rows = process.stores().db.rows(text("SELECT order_id FROM orders WHERE status = 'pending'"))
    stripe = Stripe(process.settings)
    closing = int(time.time()) + int(timedelta(hours=1).total_seconds())

    def open_(order_id: str) -> tuple[str, str]:
        request = ChargeRequest(
            key=order_id,
            order_id=order_id,
            number=order_id[:8],
            email="bench@example.com",
            lines=(("Item", 1000, 1),),
            closes_at=closing,
            success_url="http://127.0.0.1/",
            cancel_url="http://127.0.0.1/",
            shop="bench",
        )
        return order_id, stripe.open_checkout(request).ref

    with ThreadPoolExecutor(CALLERS) as pool:
        pages = list(pool.map(open_, [str(row.order_id) for row in rows]))
    stores = process.stores()
    with stores.transaction():
        stores.db.session.execute(
            text("UPDATE payments SET external_ref = :ref WHERE order_id = :order_id"),
            [{"order_id": order_id, "ref": ref} for order_id, ref in pages],
        )


if __name__ == "__main__":
    main()
