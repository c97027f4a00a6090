"""What others do: the worker, without its mail, which has tests of its own, the warehouse and the carrier."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from storefront.domain.ids import new_tracking_code
from storefront.domain.orders import EventKind
from storefront.domain.parcels import CarrierEvent, Parcel, ParcelLine, ParcelStatus, Report
from storefront.process import Process
from storefront.services import carrier_events, parcels
from storefront.services.parcels import Booking
from storefront.services.worker import Worker
from storefront.stores import Stores

CARRIER = "Larkfield Post"


def quiet_worker(process: Process) -> Worker:
    """A worker that leaves the mails to others."""
    return Worker(process, without=("mail",))


def work(process: Process, rounds: int = 1) -> None:
    """Let such a worker do so many rounds."""
    worker = quiet_worker(process)
    for _ in range(rounds):
        worker.round()


def pack(
    stores: Stores,
    order_id: UUID,
    *lines: ParcelLine,
    carrier: str = CARRIER,
    code: str = "",
    estimated: date | None = None,
) -> Parcel:
    """The warehouse books a parcel of these lines, or of all that is left."""
    booking = Booking(carrier, code or new_tracking_code(), lines, estimated)
    return parcels.book(stores, order_id, booking)


def event(
    code: str,
    status: ParcelStatus,
    at: datetime | None = None,
    *,
    event_id: str = "",
    carrier: str = "",
    place: str = "",
    message: str = "",
    estimated: date | None = None,
) -> CarrierEvent:
    """What a carrier would report, now if not told else."""
    at = at or datetime.now(UTC)
    report = Report(event_id or f"msg_{uuid4().hex}", status, at, place, message, estimated)
    return CarrierEvent(code, report, carrier)


def tell(
    stores: Stores,
    order_id: UUID,
    status: ParcelStatus,
    *,
    minutes: float = 1,
    event_id: str = "",
    place: str = "Salem",
    message: str = "",
) -> bool:
    """The carrier reports a step of the order's first parcel, which is booked if it isn't yet; it happened
    ``minutes`` after the shipment was written. False if it was reported before."""
    of_order = stores.parcels.of(order_id) or (pack(stores, order_id),)
    prepared = next(e.at for e in stores.orders.view(order_id).events if e.kind is EventKind.PREPARING)
    told = event(
        of_order[0].tracking_code,
        status,
        prepared + timedelta(minutes=minutes),
        event_id=event_id,
        place=place,
        message=message,
    )
    return carrier_events.record(stores, told) is carrier_events.Outcome.RECORDED
