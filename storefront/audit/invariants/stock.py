"""The stock of every SKU: what is on hand, reserved, sold and received (I1, I2, I3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, text

from storefront.audit.finding import Finding, Remedy
from storefront.audit.invariants.rule import SOLD_STATUSES
from storefront.repositories.aurora.reading import records

BACK = """
    SELECT r.order_id, l.sku, sum(l.restocked) AS restocked
      FROM refunds r JOIN refund_lines l USING (refund_id) GROUP BY r.order_id, l.sku
"""
"""The units of each order's lines that went back into stock. A refunded order without any line here never
took its units."""

_UNBALANCED = text(f"""
    WITH back AS ({BACK}), moved AS (
        SELECT i.sku,
               coalesce(sum(i.qty) FILTER (WHERE o.status = 'pending'), 0) AS held,
               coalesce(sum(i.qty - coalesce(b.restocked, 0)) FILTER (
                   WHERE o.status IN ({SOLD_STATUSES}) OR o.status = 'refunded' AND b.sku IS NOT NULL
               ), 0) AS sold
          FROM orders o
          JOIN cart_items i USING (cart_id)
          LEFT JOIN back b ON b.order_id = o.order_id AND b.sku = i.sku
         WHERE o.status NOT IN ('expired', 'cancelled')
         GROUP BY i.sku
    )
    SELECT coalesce(s.sku, m.sku) AS sku, s.sku IS NOT NULL AS known,
           coalesce(s.quantity, 0) AS quantity, coalesce(s.reserved, 0) AS reserved,
           coalesce(s.received, 0) AS received, coalesce(m.held, 0) AS held, coalesce(m.sold, 0) AS sold
      FROM stock s FULL JOIN moved m ON m.sku = s.sku
     WHERE s.sku IS NULL OR s.reserved < 0 OR s.reserved > s.quantity
        OR s.reserved <> coalesce(m.held, 0) OR s.quantity + coalesce(m.sold, 0) <> s.received
     ORDER BY 1
""")  # noqa: S608 - made of constants alone


class Unbalanced(NamedTuple):
    """A SKU whose numbers do not add up, in units; ``known`` unless it has no stock record."""

    sku: str
    known: bool
    quantity: int
    reserved: int
    received: int
    held: int
    sold: int


def check_stock(connection: Connection, _currency: str) -> Iterator[Finding]:
    """I1, I2 and I3, per SKU."""
    for row in records(Unbalanced, connection.execute(_UNBALANCED)):
        if row.known:
            yield from _reserved(row)
            yield from _received(row)
        else:
            yield Finding(
                "I2",
                f"{row.sku} was ordered ({row.held} held, {row.sold} sold), but has no stock record",
                sku=row.sku,
                advice="Import the product again: storefront catalog import",
            )


def _reserved(row: Unbalanced) -> Iterator[Finding]:
    enough = row.held <= row.quantity
    if not 0 <= row.reserved <= row.quantity:
        recount = enough and row.reserved != row.held
        yield Finding(
            "I1",
            f"{row.sku} has {row.reserved} reserved of {row.quantity} on hand",
            sku=row.sku,
            remedy=Remedy.RECOUNT if recount else None,
            advice="" if recount else _short(row),
        )
    if row.reserved != row.held:
        yield Finding(
            "I2",
            f"{row.sku} has {row.reserved} reserved, but pending orders hold {row.held}",
            sku=row.sku,
            remedy=Remedy.RECOUNT if enough else None,
            advice="" if enough else _short(row),
        )


def _received(row: Unbalanced) -> Iterator[Finding]:
    accounted = row.quantity + row.sold
    if accounted != row.received:
        yield Finding(
            "I3",
            f"{row.sku} received {row.received}, but {row.quantity} on hand and {row.sold} sold are "
            f"{accounted}",
            sku=row.sku,
            remedy=Remedy.RESTATE,
        )


def _short(row: Unbalanced) -> str:
    missing = row.held - row.quantity
    return (
        f"More is promised than there is. Receive {missing} (storefront stock receive {row.sku} {missing}) "
        "or cancel pending orders, then repair again."
    )
