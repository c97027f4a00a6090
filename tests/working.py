"""What others do: the worker, without its mail, which has tests of its own, and the carrier."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from storefront.domain.deliveries import CarrierEvent, ShipmentStatus
from storefront.domain.orders import Kind
from storefront.process import Process
from storefront.services import tracking
from storefront.services.worker import Worker
from storefront.stores import Stores


def quiet_worker(process: Process) -> Worker:
    worker = Worker(process)
    worker._lanes = worker._lanes[:-1]
    return worker


def work(process: Process, rounds: int = 1) -> None:
    worker = quiet_worker(process)
    for _ in range(rounds):
        worker.round()


def tell(
    stores: Stores,
    order_id: UUID,
    status: ShipmentStatus,
    *,
    minutes: float = 1,
    event_id: str = "",
    place: str = "Salem",
    message: str = "",
) -> bool:
    """The carrier reports a step that happened ``minutes`` after the order's shipment was written."""
    delivery = stores.orders.head(order_id).delivery
    assert delivery is not None
    prepared = next(e.at for e in stores.orders.view(order_id).events if e.kind is Kind.PREPARING)
    return tracking.record(
        stores,
        CarrierEvent(
            event_id=event_id or f"msg_{uuid4().hex}",
            tracking_code=delivery["tracking_code"],
            status=status,
            timestamp=prepared + timedelta(minutes=minutes),
            place=place,
            message=message,
        ),
    )
