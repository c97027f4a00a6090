"""All rules about single orders in one pass, and what an order's cart and lines must be (I8, I10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from storefront.audit.finding import Finding
from storefront.audit.invariants import events, payments, shipments
from storefront.audit.invariants.rule import EVENT_FLAGS, LOOK_AT_HISTORY, Rule
from storefront.repositories.aurora.reading import records

RULES = (
    *payments.RULES,
    *shipments.RULES,
    *events.RULES,
    Rule(
        "I10",
        "h.placed_cents IS DISTINCT FROM o.total_cents::text AND h.placed",
        "format('costs %s cents, but was placed at %s', o.total_cents, h.placed_cents)",
    ),
)


class Broken(NamedTuple):
    """An order, which of ``RULES`` it breaks, and the rule's words about it."""

    order_id: UUID
    number: str
    rule: int
    words: str


def check_orders(connection: Connection, currency: str) -> Iterator[Finding]:
    """Every rule, over every order."""
    for row in records(Broken, connection.execute(text(_broken_sql()), {"currency": currency})):
        rule = RULES[row.rule]
        yield Finding(
            rule.invariant,
            f"Order {row.number} {row.words}",
            row.order_id,
            remedy=rule.remedy,
            advice=rule.advice_about(row.number),
        )


def _broken_sql() -> str:
    """All rules over all orders, in one pass: an order's events are gathered once for all of them."""
    flags = ", ".join(f"bool_or(kind = '{kind}') AS {kind}" for kind in EVENT_FLAGS)
    known = ", ".join(f"coalesce(e.{kind}, false) AS {kind}" for kind in EVENT_FLAGS)
    rules = ", ".join(f"({n}, {rule.broken}, {rule.words})" for n, rule in enumerate(RULES))
    # Few orders are broken: the others are passed over before any words are made.
    broken = " OR ".join(f"({rule.broken})" for rule in RULES)
    return f"""
        WITH e AS (
            SELECT order_id, {flags},
                   max(data ->> 'cents') FILTER (WHERE kind IN ('paid', 'paid_late')) AS cents,
                   max(data ->> 'currency') FILTER (WHERE kind IN ('paid', 'paid_late')) AS currency,
                   max(data ->> 'total_cents') FILTER (WHERE kind = 'placed') AS placed_cents,
                   max(data ->> 'stock') FILTER (WHERE kind = 'refund_due') AS refunded_stock,
                   max(data ->> 'cents') FILTER (WHERE kind = 'refund_due') AS due_cents
              FROM order_events GROUP BY order_id
        ), r AS (
            SELECT order_id, sum(cents) AS cents, bool_and(status = 'done') AS all_done
              FROM refunds GROUP BY order_id
        ), u AS (
            SELECT order_id, sum(qty) AS units FROM refunds JOIN refund_lines USING (refund_id)
             GROUP BY order_id
        )
        SELECT o.order_id, o.number, rule.n AS rule, rule.words
          FROM orders o LEFT JOIN payments p USING (order_id) LEFT JOIN e USING (order_id)
          LEFT JOIN r USING (order_id) LEFT JOIN u USING (order_id)
         CROSS JOIN LATERAL (SELECT {known}, e.cents, e.currency, e.placed_cents, e.refunded_stock,
                                    e.due_cents, r.cents AS refund_cents, r.all_done,
                                    u.units >= (SELECT sum(i.qty) FROM cart_items i
                                                 WHERE i.cart_id = o.cart_id AND u.units IS NOT NULL)
                                    AS all_back) AS h
         CROSS JOIN LATERAL (VALUES {rules}) AS rule (n, broken, words)
         WHERE ({broken}) AND rule.broken
         ORDER BY o.order_id, rule.n
    """  # noqa: S608 - made of the constants above alone


_WRONG_LINES = text("""
    SELECT o.order_id, o.number, o.total_cents, c.closed_at IS NOT NULL AS closed,
           coalesce(sum(i.qty * i.price_cents::bigint), 0) AS lines_cents, count(i.sku) AS lines
      FROM orders o LEFT JOIN carts c USING (cart_id) LEFT JOIN cart_items i USING (cart_id)
     GROUP BY o.order_id, c.cart_id
    HAVING c.closed_at IS NULL OR count(i.sku) = 0
        OR coalesce(sum(i.qty * i.price_cents::bigint), 0) <> o.total_cents
     ORDER BY o.order_id
""")


class WrongLines(NamedTuple):
    """An order whose cart is still open, or whose lines do not add up to its total."""

    order_id: UUID
    number: str
    total_cents: int
    closed: bool
    lines_cents: int
    lines: int


def check_lines(connection: Connection, _currency: str) -> Iterator[Finding]:
    """I10: lines are frozen with the order, and their sum is what it costs."""
    for row in records(WrongLines, connection.execute(_WRONG_LINES)):
        if not row.closed:
            words = "has a cart that is still open"
        elif not row.lines:
            words = "has no lines"
        else:
            words = f"costs {row.total_cents} cents, but its lines {row.lines_cents}"
        yield Finding(
            "I10", f"Order {row.number} {words}", row.order_id, advice=f"{LOOK_AT_HISTORY} {row.number}"
        )


_SHARED_CARTS = text("""
    SELECT order_id, number, cart_id FROM orders
     WHERE cart_id IN (SELECT cart_id FROM orders GROUP BY cart_id HAVING count(*) > 1)
     ORDER BY cart_id, created_at, order_id
""")


class SharedCart(NamedTuple):
    order_id: UUID
    number: str
    cart_id: UUID


def check_carts(connection: Connection, _currency: str) -> Iterator[Finding]:
    """I8: one order per cart."""
    for row in records(SharedCart, connection.execute(_SHARED_CARTS)):
        yield Finding(
            "I8",
            f"Order {row.number} shares cart {row.cart_id} with another order",
            row.order_id,
            advice="Cancel all but one of them: storefront cancel",
        )
