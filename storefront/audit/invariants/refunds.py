"""What refunds pay back, line by line (I3, I4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from storefront.audit.finding import Finding
from storefront.audit.invariants.rule import LOOK_AT_HISTORY
from storefront.repositories.aurora.reading import records

_OVERDONE = text("""
    SELECT o.order_id, o.number, l.sku, coalesce(i.qty, 0) AS qty, sum(l.qty) AS refunded
      FROM refund_lines l JOIN refunds r USING (refund_id) JOIN orders o USING (order_id)
      LEFT JOIN cart_items i ON i.cart_id = o.cart_id AND i.sku = l.sku
     GROUP BY o.order_id, l.sku, i.qty
    HAVING sum(l.qty) > coalesce(i.qty, 0)
     ORDER BY o.order_id, l.sku
""")

# One without lines gives back what was paid for units that were never taken.
_OTHER_AMOUNT = text("""
    SELECT o.order_id, o.number, r.cents, sum(l.qty * i.price_cents::bigint) AS lines_cents
      FROM refunds r JOIN orders o USING (order_id) JOIN refund_lines l USING (refund_id)
      JOIN cart_items i ON i.cart_id = o.cart_id AND i.sku = l.sku
     GROUP BY r.refund_id, o.order_id
    HAVING sum(l.qty * i.price_cents::bigint) <> r.cents
     ORDER BY o.order_id
""")


class Overdone(NamedTuple):
    """A line of which more units are refunded than were ordered."""

    order_id: UUID
    number: str
    sku: str
    qty: int
    refunded: int


class OtherAmount(NamedTuple):
    """A refund whose amount is not what its units cost."""

    order_id: UUID
    number: str
    cents: int
    lines_cents: int


def check_refunds(connection: Connection, _currency: str) -> Iterator[Finding]:
    """I3: no unit is refunded twice. I4: a refund pays back what its units cost."""
    for line in records(Overdone, connection.execute(_OVERDONE)):
        yield Finding(
            "I3",
            f"Order {line.number} has {line.refunded} of {line.sku} refunded, but had {line.qty}",
            line.order_id,
            line.sku,
            advice=f"{LOOK_AT_HISTORY} {line.number}",
        )
    for one in records(OtherAmount, connection.execute(_OTHER_AMOUNT)):
        yield Finding(
            "I4",
            f"Order {one.number} has a refund of {one.cents} cents for units that cost {one.lines_cents}",
            one.order_id,
            advice=f"{LOOK_AT_HISTORY} {one.number}",
        )
