"""Parcels: which an order has, what is in them, and where their carriers say they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.cart import CartItem
from storefront.domain.orders import Order, OrderStatus
from storefront.domain.packing import Packing
from storefront.domain.parcel_records import ParcelLineRecord, ParcelRecord
from storefront.domain.parcels import Ordered, Parcel, ParcelLine, ParcelStatus, Report, carrier_key, code_key
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.reading import AnyRow
from storefront.repositories.aurora.refunds import refunded_units

_ESTIMATE = "estimate"
"""Beside the statuses in ``reports``: the latest report that named a day."""


_PARCELS: Select[*tuple[Any, ...]] = (
    select(
        ParcelRecord.order_id,
        ParcelRecord.parcel_id,
        ParcelRecord.carrier,
        ParcelRecord.tracking_code,
        ParcelRecord.status,
        ParcelRecord.estimated_delivery,
        ParcelRecord.at,
        ParcelRecord.place,
        ParcelRecord.message,
        ParcelRecord.settled,
        ParcelRecord.reports,
        func.array_agg(ParcelLineRecord.sku).label("skus"),
        func.array_agg(ParcelLineRecord.qty).label("qtys"),
    )
    .join(ParcelLineRecord, ParcelLineRecord.parcel_id == ParcelRecord.parcel_id)
    .group_by(ParcelRecord.parcel_id)
    .order_by(ParcelRecord.order_id, ParcelRecord.created_at, ParcelRecord.parcel_id)
)
_LINES: Select[*tuple[Any, ...]] = (
    select(Order.order_id, CartItem.sku, CartItem.qty, refunded_units())
    .join(CartItem, CartItem.cart_id == Order.cart_id)
    .order_by(Order.order_id, CartItem.sku)
)


class Found(NamedTuple):
    """A parcel that a code names, and its order."""

    parcel_id: UUID
    order_id: UUID


class PackedOrder(NamedTuple):
    """An order whose shipment is written, as the audit looks at it."""

    order_id: UUID
    number: str
    status: OrderStatus
    shipment: str
    promised_on: date | None
    packing: Packing


class Parcels:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, order_id: UUID) -> tuple[Parcel, ...]:
        """An order's parcels, the first booked first."""
        return tuple(map(_parcel, self._db.rows(_PARCELS.where(ParcelRecord.order_id == order_id))))

    def packing(self, order: Order) -> Packing:
        """The lines and parcels of an order that is locked."""
        rows = self._db.session.execute(_LINES.where(Order.order_id == order.order_id)).all()
        return Packing(tuple(_ordered(row, order.status) for row in rows), self.of(order.order_id))

    def find(self, tracking_code: str, carrier: str = "") -> Sequence[Found]:
        """The parcels that a carrier's code names; without a ``carrier`` there may be several."""
        wanted = select(ParcelRecord.parcel_id, ParcelRecord.order_id).where(
            ParcelRecord.code_key == code_key(tracking_code)
        )
        if carrier:
            wanted = wanted.where(ParcelRecord.carrier_key == carrier_key(carrier))
        return [Found(row.parcel_id, row.order_id) for row in self._db.rows(wanted)]

    def lock_code(self, tracking_code: str) -> None:
        """Until the transaction's end nobody else books this code, or puts away what is told of it.

        Taken after an order's lock, never before it.
        """
        key = func.hashtextextended("parcel:" + code_key(tracking_code), literal(0))
        self._db.session.execute(select(func.pg_advisory_xact_lock(key)))

    def add(self, order_id: UUID, parcel: Parcel) -> None:
        """Write a new parcel; its code is locked and free."""
        session = self._db.session
        session.execute(
            insert(ParcelRecord).values(
                parcel_id=parcel.parcel_id,
                order_id=order_id,
                carrier=parcel.carrier,
                tracking_code=parcel.tracking_code,
                carrier_key=carrier_key(parcel.carrier),
                code_key=code_key(parcel.tracking_code),
                # Two parcels of one transaction keep their order.
                created_at=func.clock_timestamp(),
                **_state(parcel),
            )
        )
        session.execute(
            insert(ParcelLineRecord),
            [{"parcel_id": parcel.parcel_id, "sku": line.sku, "qty": line.qty} for line in parcel.lines],
        )

    def save(self, parcel: Parcel) -> None:
        """Write how a parcel stands, under its order's lock."""
        self._db.session.execute(
            update(ParcelRecord)
            .where(ParcelRecord.parcel_id == parcel.parcel_id)
            .values(**_state(parcel))
            .execution_options(synchronize_session=False)
        )


def packed_orders(connection: Connection) -> Iterator[PackedOrder]:
    """Every order whose shipment is written, with its lines and parcels."""
    written = Order.delivery.is_not(None)
    lines = _by_order(connection.execute(_LINES.where(written)).all())
    parcels = _by_order(connection.execute(_PARCELS).all())
    orders = select(Order.order_id, Order.number, Order.status, Order.delivery, Order.promised_on)
    for row in connection.execute(orders.where(written).order_by(Order.order_id)):
        ordered = tuple(_ordered(line, row.status) for line in lines.get(row.order_id, ()))
        packing = Packing(ordered, tuple(map(_parcel, parcels.get(row.order_id, ()))))
        yield PackedOrder(row.order_id, row.number, row.status, row.delivery.status, row.promised_on, packing)


def _by_order(rows: Sequence[AnyRow]) -> dict[UUID, list[AnyRow]]:
    return {order_id: list(of_order) for order_id, of_order in groupby(rows, lambda row: row.order_id)}


def _ordered(line: AnyRow, status: OrderStatus) -> Ordered:
    return Ordered(line.sku, line.qty, line.qty if status is OrderStatus.REFUNDED else line.refunded)


def _parcel(row: AnyRow) -> Parcel:
    return Parcel(
        parcel_id=row.parcel_id,
        carrier=row.carrier,
        tracking_code=row.tracking_code,
        lines=tuple(ParcelLine(*line) for line in sorted(zip(row.skus, row.qtys, strict=True))),
        at=row.at,
        status=row.status,
        estimated_delivery=row.estimated_delivery,
        place=row.place,
        message=row.message,
        settled=row.settled,
        reports={
            ParcelStatus(name): _report(ParcelStatus(name), told)
            for name, told in row.reports.items()
            if name != _ESTIMATE
        },
        estimate=_estimate(row.reports),
    )


def _state(parcel: Parcel) -> dict[str, object]:
    reports = {status.value: _plain(report) for status, report in parcel.reports.items()}
    if parcel.estimate:
        reports[_ESTIMATE] = {**_plain(parcel.estimate), "status": parcel.estimate.status.value}
    return {
        "status": parcel.status,
        "estimated_delivery": parcel.estimated_delivery,
        "at": parcel.at,
        "place": parcel.place,
        "message": parcel.message,
        "settled": parcel.settled,
        "reports": reports,
    }


def _plain(report: Report) -> dict[str, str]:
    day = report.estimated_delivery
    return {
        "event_id": report.event_id,
        "at": report.at.isoformat(),
        "place": report.place,
        "message": report.message,
        **({"estimated_delivery": day.isoformat()} if day else {}),
    }


def _report(status: ParcelStatus, told: Mapping[str, str]) -> Report:
    day = told.get("estimated_delivery")
    return Report(
        event_id=told["event_id"],
        status=status,
        at=datetime.fromisoformat(told["at"]),
        place=told["place"],
        message=told["message"],
        estimated_delivery=date.fromisoformat(day) if day else None,
    )


def _estimate(reports: Mapping[str, Mapping[str, str]]) -> Report | None:
    told = reports.get(_ESTIMATE)
    return _report(ParcelStatus(told["status"]), told) if told else None
