"""What the events must tell: states moved along the table (I9), nothing had two effects (I11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from storefront.audit.finding import Finding
from storefront.audit.invariants.rule import LOOK_AT_HISTORY, SOLD_STATUSES, Rule
from storefront.repositories.aurora.reading import records

# Each state has its way there among the events, and no other.
RULES = (
    Rule("I9", "NOT h.placed", "'was never placed, by its events'"),
    Rule("I9", "h.paid AND h.paid_late", "'was paid twice, by its events'"),
    Rule(
        "I9",
        f"o.status IN ({SOLD_STATUSES}) AND NOT (h.paid OR h.paid_late)",
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
)

# Ids that others gave: a webhook's, a carrier event's, a payment object's. Each belongs to one order, once.
_REPEATED = text("""
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
""")


class Repeated(NamedTuple):
    order_id: UUID
    number: str
    effect: str
    times: int


def check_effects(connection: Connection, _currency: str) -> Iterator[Finding]:
    """I11: a webhook, a carrier's event or a capture has at most one effect."""
    for row in records(Repeated, connection.execute(_REPEATED)):
        yield Finding(
            "I11",
            f"Order {row.number}: {row.effect} had its effect {row.times} times",
            row.order_id,
            advice=f"{LOOK_AT_HISTORY} {row.number}",
        )
