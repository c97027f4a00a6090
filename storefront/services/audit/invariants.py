"""The invariants that one snapshot of Aurora can show, each a question to the database about all orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from storefront.domain.orders import SOLD
from storefront.services.audit.finding import Finding, Remedy

LONGEST_REQUEST = 5.0
"""Seconds (I14)."""

_SOLD = ", ".join(f"'{status}'" for status in sorted(SOLD))
_BY_HAND = "Look at its history with: storefront orders show"


@dataclass(frozen=True)
class Rule:
    """One thing that no order may be. ``broken`` and ``words`` are SQL over o, p (its payment) and h.

    h tells what its events tell: one boolean for each kind, and what some of them carry.
    """

    invariant: str
    broken: str
    words: str
    remedy: Remedy | None = None
    advice: str = _BY_HAND


RULES = (
    Rule("I4", "p.payment_id IS NULL", "'has no payment'"),
    Rule(
        "I4",
        f"(o.status IN ({_SOLD})) <> (p.status = 'captured')"
        " OR (o.status = 'refunded') <> (p.status IN ('refunding', 'refunded'))",
        "format('is %s, but its payment is %s', o.status, p.status)",
        advice="Compare with the payment in Stripe's dashboard, and refund there what nobody got goods for.",
    ),
    Rule(
        "I4",
        "(p.provider = 'none') <> (o.total_cents = 0)",
        "format('costs %s cents, but its payment provider is %s', o.total_cents, p.provider)",
    ),
    Rule(
        "I4",
        "p.provider = 'stripe' AND p.status IN ('captured', 'refunding', 'refunded')"
        " AND p.external_ref IS NULL",
        "format('has a %s payment without a reference at Stripe', p.status)",
        advice="Find the payment by its order_id in Stripe's dashboard.",
    ),
    Rule(
        "I4",
        f"p.provider = 'stripe' AND o.status IN ({_SOLD}) AND h.cents IS DISTINCT FROM o.total_cents::text",
        "format('costs %s cents, but %s were captured', o.total_cents, coalesce(h.cents, 'none'))",
        advice="Refund it: storefront refund",
    ),
    Rule(
        "I4",
        f"p.provider = 'stripe' AND o.status IN ({_SOLD}) AND h.currency IS DISTINCT FROM :currency",
        "format('was paid in %s', coalesce(h.currency, 'no known currency'))",
        advice="Refund it: storefront refund",
    ),
    # --- one shipment for each paid order, none for an unpaid one
    Rule(
        "I7",
        "o.status IN ('preparing', 'shipped', 'delivered') AND o.delivery IS NULL",
        "format('is %s without a delivery', o.status)",
    ),
    Rule(
        "I7",
        "o.delivery IS NOT NULL AND (o.status IN ('pending', 'expired', 'cancelled', 'paid')"
        " OR NOT (h.paid OR h.paid_late))",
        "format('has a delivery, but is %s', o.status)",
        advice="Make sure that no parcel goes out for it.",
    ),
    Rule(
        "I7",
        "o.status = 'refunded' AND o.delivery ->> 'status' = 'preparing'",
        "'is refunded, but its parcel is still prepared'",
        remedy=Remedy.STOP_PARCEL,
    ),
    # --- states move only along the table: each state has its way there among the events, and no other
    Rule("I9", "NOT h.placed", "'was never placed, by its events'"),
    Rule("I9", "h.paid AND h.paid_late", "'was paid twice, by its events'"),
    Rule(
        "I9",
        f"o.status IN ({_SOLD}) AND NOT (h.paid OR h.paid_late)",
        "format('is %s, but was never paid, by its events', o.status)",
    ),
    Rule(
        "I9",
        "o.status IN ('pending', 'expired', 'cancelled') AND (h.paid OR h.paid_late)",
        "format('is %s, but was paid, by its events', o.status)",
        advice="See what Stripe has of it: storefront audit --stripe",
    ),
    Rule(
        "I9",
        "h.paid AND (h.expired OR h.cancelled) OR h.paid_late AND NOT h.expired OR h.expired AND h.cancelled"
        " OR h.paid_late AND h.cancelled",
        "'ended and was paid in a way that no order goes, by its events'",
    ),
    Rule("I9", "o.status = 'expired' AND NOT h.expired", "'is expired, but never expired, by its events'"),
    Rule("I9", "o.status = 'pending' AND h.expired", "'is pending, but has expired, by its events'"),
    Rule(
        "I9",
        "o.status = 'cancelled' AND NOT h.cancelled"
        " OR h.cancelled AND o.status NOT IN ('cancelled', 'refunded')",
        "format('is %s, but %s cancelled, by its events', o.status,"
        " CASE WHEN h.cancelled THEN 'was' ELSE 'was never' END)",
    ),
    Rule(
        "I9",
        "o.status IN ('preparing', 'shipped', 'delivered') AND NOT h.preparing"
        " OR h.preparing AND o.status IN ('pending', 'expired', 'cancelled', 'paid')",
        "format('is %s, but %s prepared, by its events', o.status,"
        " CASE WHEN h.preparing THEN 'was' ELSE 'was never' END)",
    ),
    Rule(
        "I9",
        "o.status = 'shipped' AND NOT h.carrier OR o.status = 'delivered' AND NOT h.carried_home",
        "format('is %s, but no carrier said so', o.status)",
    ),
    Rule(
        "I9",
        "(o.status = 'refunded') <> h.refund_due",
        "format('is %s, but a refund %s, by its events', o.status,"
        " CASE WHEN h.refund_due THEN 'is due' ELSE 'was never due' END)",
    ),
    Rule(
        "I9",
        "h.refund_due AND (h.refunded_stock = 'not_taken') = (h.paid OR h.paid_late)",
        "format('was refunded with its goods %s, by its events, which does not fit how it was paid',"
        " coalesce(h.refunded_stock, 'unknown'))",
    ),
    Rule(
        "I9",
        "h.refund_done AND p.status <> 'refunded'"
        " OR p.status = 'refunded' AND p.provider = 'stripe' AND NOT h.refund_done",
        "format('has a %s payment, but the refund %s done, by its events', p.status,"
        " CASE WHEN h.refund_done THEN 'is' ELSE 'is not' END)",
    ),
    Rule(
        "I9",
        "(o.extended_at IS NOT NULL) <> h.extended",
        "format('has its hold %s, but %s, by its events',"
        " CASE WHEN h.extended THEN 'as it was' ELSE 'extended' END,"
        " CASE WHEN h.extended THEN 'it was extended' ELSE 'it was not' END)",
    ),
    Rule(
        "I10",
        "h.placed_cents IS DISTINCT FROM o.total_cents::text AND h.placed",
        "format('costs %s cents, but was placed at %s', o.total_cents, h.placed_cents)",
    ),
    Rule(
        "I13",
        "p.status = 'failed' AND NOT h.payment_failed",
        "'has a failed payment, but no bank ever declined it'",
        advice="Ask Stripe: storefront audit --stripe",
    ),
)

_KINDS = [
    "placed",
    "paid",
    "paid_late",
    "expired",
    "cancelled",
    "preparing",
    "carrier",
    "refund_due",
    "refund_done",
    "extended",
    "payment_failed",
]


def _orders_sql() -> str:
    """All rules over all orders, in one pass: an order's events are gathered once for all of them."""
    flags = ", ".join(f"bool_or(kind = '{kind}') AS {kind}" for kind in _KINDS)
    known = ", ".join(f"coalesce(e.{kind}, false) AS {kind}" for kind in _KINDS)
    rules = ", ".join(f"({n}, {rule.broken}, {rule.words})" for n, rule in enumerate(RULES))
    # Few orders are broken: the others are passed over before any words are made.
    broken = " OR ".join(f"({rule.broken})" for rule in RULES)
    return f"""
        WITH e AS (
            SELECT order_id, {flags},
                   bool_or(kind = 'carrier' AND data ->> 'status' = 'delivered') AS carried_home,
                   max(data ->> 'cents') FILTER (WHERE kind IN ('paid', 'paid_late')) AS cents,
                   max(data ->> 'currency') FILTER (WHERE kind IN ('paid', 'paid_late')) AS currency,
                   max(data ->> 'total_cents') FILTER (WHERE kind = 'placed') AS placed_cents,
                   max(data ->> 'stock') FILTER (WHERE kind = 'refund_due') AS refunded_stock
              FROM order_events GROUP BY order_id
        )
        SELECT o.order_id, o.number, rule.n, rule.words
          FROM orders o LEFT JOIN payments p USING (order_id) LEFT JOIN e USING (order_id)
         CROSS JOIN LATERAL (SELECT {known}, coalesce(e.carried_home, false) AS carried_home,
                                    e.cents, e.currency, e.placed_cents, e.refunded_stock) AS h
         CROSS JOIN LATERAL (VALUES {rules}) AS rule (n, broken, words)
         WHERE ({broken}) AND rule.broken
         ORDER BY o.order_id, rule.n
    """  # noqa: S608 - made of the constants above alone


def _orders(connection: Connection, currency: str) -> Iterator[Finding]:
    for order_id, number, n, words in connection.execute(text(_orders_sql()), {"currency": currency}):
        rule = RULES[n]
        advice = "" if rule.remedy else rule.advice
        if advice.startswith("Look at") or advice.endswith("storefront refund"):
            advice = f"{advice} {number}"
        yield Finding(rule.invariant, f"Order {number} {words}", order_id, remedy=rule.remedy, advice=advice)


_STOCK = f"""
    WITH moved AS (
        SELECT i.sku,
               coalesce(sum(i.qty) FILTER (WHERE o.status = 'pending'), 0) AS held,
               coalesce(sum(i.qty) FILTER (
                   WHERE o.status IN ({_SOLD}) OR o.status = 'refunded' AND e.order_id IS NOT NULL
               ), 0) AS sold
          FROM orders o
          JOIN cart_items i USING (cart_id)
          LEFT JOIN order_events e
            ON e.order_id = o.order_id AND e.kind = 'refund_due' AND e.data ->> 'stock' = 'kept_out'
         WHERE o.status NOT IN ('expired', 'cancelled')
         GROUP BY i.sku
    )
    SELECT coalesce(s.sku, m.sku) AS sku, s.sku IS NOT NULL AS known, s.quantity, s.reserved, s.received,
           coalesce(m.held, 0) AS held, coalesce(m.sold, 0) AS sold
      FROM stock s FULL JOIN moved m ON m.sku = s.sku
     WHERE s.sku IS NULL OR s.reserved < 0 OR s.reserved > s.quantity
        OR s.reserved <> coalesce(m.held, 0) OR s.quantity + coalesce(m.sold, 0) <> s.received
     ORDER BY 1
"""  # noqa: S608 - made of constants alone


def _stock(connection: Connection, _currency: str) -> Iterator[Finding]:
    for row in connection.execute(text(_STOCK)):
        if not row.known:
            yield Finding(
                "I2",
                f"{row.sku} was ordered ({row.held} held, {row.sold} sold), but has no stock record",
                sku=row.sku,
                advice="Import the product again: storefront catalog import",
            )
            continue
        if not 0 <= row.reserved <= row.quantity:
            yield Finding(
                "I1",
                f"{row.sku} has {row.reserved} reserved of {row.quantity} on hand",
                sku=row.sku,
                remedy=Remedy.RECOUNT if row.reserved != row.held <= row.quantity else None,
                advice="" if row.reserved != row.held <= row.quantity else _short(row),
            )
        if row.reserved != row.held:
            yield Finding(
                "I2",
                f"{row.sku} has {row.reserved} reserved, but pending orders hold {row.held}",
                sku=row.sku,
                remedy=Remedy.RECOUNT if row.held <= row.quantity else None,
                advice="" if row.held <= row.quantity else _short(row),
            )
        if row.quantity + row.sold != row.received:
            yield Finding(
                "I3",
                f"{row.sku} received {row.received}, but {row.quantity} on hand and {row.sold} sold are "
                f"{row.quantity + row.sold}",
                sku=row.sku,
                remedy=Remedy.RESTATE,
            )


def _short(row: Any) -> str:
    missing = row.held - row.quantity
    return (
        f"More is promised than there is. Receive {missing} (storefront stock receive {row.sku} {missing}) "
        "or cancel pending orders, then repair again."
    )


_LINES = """
    SELECT o.order_id, o.number, o.total_cents, c.closed_at IS NOT NULL AS closed,
           coalesce(sum(i.qty * i.price_cents::bigint), 0) AS cents, count(i.sku) AS lines
      FROM orders o LEFT JOIN carts c USING (cart_id) LEFT JOIN cart_items i USING (cart_id)
     GROUP BY o.order_id, c.cart_id
    HAVING c.closed_at IS NULL OR count(i.sku) = 0
        OR coalesce(sum(i.qty * i.price_cents::bigint), 0) <> o.total_cents
     ORDER BY o.order_id
"""


def _lines(connection: Connection, _currency: str) -> Iterator[Finding]:
    for row in connection.execute(text(_LINES)):
        if not row.closed:
            words = "has a cart that is still open"
        elif not row.lines:
            words = "has no lines"
        else:
            words = f"costs {row.total_cents} cents, but its lines {row.cents}"
        yield Finding("I10", f"Order {row.number} {words}", row.order_id, advice=f"{_BY_HAND} {row.number}")


_ONE_ORDER_A_CART = """
    SELECT order_id, number, cart_id FROM orders
     WHERE cart_id IN (SELECT cart_id FROM orders GROUP BY cart_id HAVING count(*) > 1)
     ORDER BY cart_id, created_at, order_id
"""


def _carts(connection: Connection, _currency: str) -> Iterator[Finding]:
    for order_id, number, cart_id in connection.execute(text(_ONE_ORDER_A_CART)):
        yield Finding(
            "I8",
            f"Order {number} shares cart {cart_id} with another order",
            order_id,
            advice="Cancel all but one of them: storefront cancel",
        )


# Ids that others gave: a webhook's, a carrier event's, a payment object's. Each belongs to one order, once.
_EFFECTS = """
    WITH effects AS (
        SELECT order_id, 'event ' || event_id AS effect FROM order_events
         WHERE event_id LIKE 'carrier:%' OR event_id LIKE 'stripe:%' OR event_id LIKE 'stray:%'
        UNION ALL
        SELECT order_id, 'capture ' || (data ->> 'intent') FROM order_events
         WHERE kind IN ('paid', 'paid_late') AND data ->> 'intent' IS NOT NULL
        UNION ALL
        SELECT order_id, 'payment ' || external_ref FROM payments WHERE external_ref IS NOT NULL
    )
    SELECT o.order_id, o.number, e.effect, e.times
      FROM (SELECT effect, count(*) AS times, min(order_id::text)::uuid AS order_id FROM effects
             GROUP BY effect HAVING count(*) > 1) e
      JOIN orders o USING (order_id)
    UNION ALL
    SELECT o.order_id, o.number, 'event ' || e.event_id, count(*)
      FROM order_events e JOIN orders o USING (order_id)
     WHERE NOT (e.event_id LIKE 'carrier:%' OR e.event_id LIKE 'stripe:%' OR e.event_id LIKE 'stray:%')
     GROUP BY o.order_id, e.event_id HAVING count(*) > 1
     ORDER BY 1, 3
"""


def _effects(connection: Connection, _currency: str) -> Iterator[Finding]:
    for order_id, number, effect, times in connection.execute(text(_EFFECTS)):
        yield Finding(
            "I11",
            f"Order {number}: {effect} had its effect {times} times",
            order_id,
            advice=f"{_BY_HAND} {number}",
        )


_IDLE = """
    SELECT pid, extract(epoch FROM clock_timestamp() - state_change)::float AS seconds
      FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'storefront-%'
       AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()
       AND state_change < clock_timestamp() - :bound * interval '1 second'
"""


def _transactions(connection: Connection, _currency: str) -> Iterator[Finding]:
    for pid, seconds in connection.execute(text(_IDLE), {"bound": LONGEST_REQUEST}):
        yield Finding(
            "I14",
            f"A transaction has been open for {seconds:.0f} s without doing anything (connection {pid})",
            advice="Something waits inside a transaction. The database ends it after 10 s; report it.",
        )


CHECKS: tuple[tuple[str, Callable[[Connection, str], Iterator[Finding]]], ...] = (
    ("stock", _stock),
    ("orders, payments and events", _orders),
    ("lines and totals", _lines),
    ("carts", _carts),
    ("effects of events", _effects),
    ("transactions", _transactions),
)
