"""What parcels may hold and say (I7, I9), and that orders follow from them (I16).

I16 is asked of the rule itself, not of a second telling of it in SQL: all parcels are read, and what follows
from them is compared with what their orders say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from storefront.audit.finding import Finding, Remedy
from storefront.audit.invariants.rule import LOOK_AT_HISTORY
from storefront.domain.orders import UNDELIVERED, OrderStatus
from storefront.domain.parcels import NOT_LIVE
from storefront.repositories.aurora.parcels import PackedOrder, packed_orders
from storefront.repositories.aurora.reading import records

_GONE = ", ".join(f"'{status}'" for status in sorted(NOT_LIVE))

# Of refunded units those that were sent stay in their parcels; what has not left must not hold them.
_OVERFULL = text(f"""
    SELECT o.order_id, o.number, l.sku, sum(l.qty)::int AS packed, coalesce(i.qty, 0) AS ordered,
           o.status = 'refunded' AND bool_or(p.status = 'preparing') AS refunded
      FROM parcels p JOIN parcel_lines l USING (parcel_id) JOIN orders o USING (order_id)
      LEFT JOIN cart_items i ON i.cart_id = o.cart_id AND i.sku = l.sku
     WHERE p.status NOT IN ({_GONE})
     GROUP BY o.order_id, o.number, o.status, l.sku, i.qty
    HAVING sum(l.qty) > coalesce(i.qty, 0) OR o.status = 'refunded' AND bool_or(p.status = 'preparing')
     ORDER BY o.order_id, l.sku
""")  # noqa: S608 - made of constants alone

_ODD = text("""
    SELECT o.order_id, o.number, p.carrier, p.tracking_code, p.status,
           NOT EXISTS (SELECT FROM parcel_lines l WHERE l.parcel_id = p.parcel_id) AS empty,
           o.delivery IS NULL AS unwritten,
           p.status NOT IN ('preparing', 'cancelled') AND NOT p.reports ? p.status AS unreported,
           p.settled IS NOT NULL AND p.status NOT IN ('returned', 'lost') AS settled
      FROM parcels p JOIN orders o USING (order_id)
     WHERE NOT EXISTS (SELECT FROM parcel_lines l WHERE l.parcel_id = p.parcel_id) OR o.delivery IS NULL
        OR p.status NOT IN ('preparing', 'cancelled') AND NOT p.reports ? p.status
        OR p.settled IS NOT NULL AND p.status NOT IN ('returned', 'lost')
     ORDER BY o.order_id, p.parcel_id
""")


class Overfull(NamedTuple):
    """More units of a SKU in parcels than may be."""

    order_id: UUID
    number: str
    sku: str
    packed: int
    ordered: int
    refunded: bool


class Odd(NamedTuple):
    """A parcel as none may be."""

    order_id: UUID
    number: str
    carrier: str
    tracking_code: str
    status: str
    empty: bool
    unwritten: bool
    unreported: bool
    settled: bool

    @property
    def words(self) -> str:
        if self.empty:
            return "holds nothing"
        if self.unwritten:
            return "was booked before the order's shipment was written"
        if self.unreported:
            return f"is {self.status}, but no carrier said so"
        return f"is {self.status}, but was settled as if it had not arrived"


def check_parcels(connection: Connection, _currency: str) -> Iterator[Finding]:
    """I7 and I9: parcels hold what was ordered and not refunded, and are where their carriers say."""
    for row in records(Overfull, connection.execute(_OVERFULL)):
        words = (
            f"is refunded, but {row.packed} of {row.sku} are in a parcel that has not left"
            if row.refunded
            else f"has {row.packed} of {row.sku} in its parcels, but ordered {row.ordered}"
        )
        yield Finding(
            "I7",
            f"Order {row.number} {words}",
            row.order_id,
            remedy=Remedy.STOP_PARCEL if row.refunded else None,
            advice="" if row.refunded else f"{LOOK_AT_HISTORY} {row.number}",
        )
    for odd in records(Odd, connection.execute(_ODD)):
        yield Finding(
            "I7" if odd.empty or odd.unwritten else "I9",
            f"Order {odd.number}: parcel {odd.tracking_code} of {odd.carrier} {odd.words}",
            odd.order_id,
            advice=f"{LOOK_AT_HISTORY} {odd.number}",
        )


def check_following(connection: Connection, _currency: str) -> Iterator[Finding]:
    """I16: orders and their shipments say what follows from the parcels. I7: no refunded unit goes out."""
    # The worker tells the end of a day within a round; until then an order may stand as the day before.
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=n) for n in (-1, 0, 1)]
    for order in packed_orders(connection):
        packing, status = order.packing, order.status
        behind = status is OrderStatus.PREPARING and packing.handed_over
        behind |= status in UNDELIVERED and packing.delivered
        ahead = status is OrderStatus.SHIPPED and not packing.handed_over
        ahead |= status is OrderStatus.DELIVERED and not packing.delivered
        if behind or ahead:
            # No order goes back, so one that is ahead of its parcels is for a person.
            words = f"is {status}, which does not follow from its parcels"
            yield _not_following(order, words, None if ahead else Remedy.FOLLOW)
        if order.promised_on and order.shipment not in {packing.status(order.promised_on, d) for d in days}:
            words = f"has a shipment that is {order.shipment}, but its parcels say other"
            yield _not_following(order, words, Remedy.FOLLOW)
        for parcel in packing.overfull if status is not OrderStatus.REFUNDED else ():
            yield Finding(
                "I7",
                f"Order {order.number}: parcel {parcel.tracking_code} is to go out with refunded units in it",
                order.order_id,
                advice=f"Stop it: storefront track {parcel.tracking_code} cancelled",
            )


def _not_following(order: PackedOrder, words: str, remedy: Remedy | None) -> Finding:
    advice = "" if remedy else f"{LOOK_AT_HISTORY} {order.number}"
    return Finding("I16", f"Order {order.number} {words}", order.order_id, remedy=remedy, advice=advice)
