"""A shop in which everything happened, for the audit to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import create_engine, text

from storefront.audit import Finding, Tools
from storefront.config import Settings
from storefront.domain.orders import Actor
from storefront.domain.parcels import ParcelStatus
from storefront.domain.payments import RefundReason
from storefront.domain.schema import metadata
from storefront.process import Process
from storefront.services import cancellation, carrier_events, fulfilment, holds
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.support.database import plant
from tests.support.factories import lapse, order, product
from tests.support.till import capture
from tests.support.worker import event, pack


def carried(stores: Stores, order_id: UUID, *statuses: ParcelStatus) -> UUID:
    """Let the carrier report these steps of an order's parcel, now."""
    code = (stores.parcels.of(order_id) or (pack(stores, order_id),))[0].tracking_code
    for status in statuses:
        carrier_events.record(stores, event(code, status, stores.orders.now()))
    return order_id


DropConstraint = Callable[[str, str], object]
"""Takes a table's constraint away: the fixture ``without``."""


@dataclass(frozen=True)
class AuditedShop:
    """One order in each state, reached by the services; ``ids`` by state."""

    stores: Stores
    ids: dict[str, UUID]
    sku: str = "pan"


def opened(process: Process) -> AuditedShop:
    """A shop in which everything happened that can happen to an order."""
    stores = process.stores()
    sku = product(stores, "pan", price=1200, quantity=100)
    free = product(stores, "leaflet", price=0, quantity=9)
    ids: dict[str, UUID] = {}
    ids["expired"] = order(stores, sku)
    lapse(stores, ids["expired"])
    holds.expire_lapsed(stores, process.stripe)
    ids["revived"] = order(stores, sku)
    lapse(stores, ids["revived"])
    holds.expire_lapsed(stores, process.stripe)
    capture(stores, ids["revived"])
    ids["cancelled"] = order(stores, sku)
    cancellation.cancel(stores, process.stripe, ids["cancelled"], by=Actor.SHOPPER)
    for state in ("preparing", "shipped", "delivered", "returned", "kept", "partly"):
        ids[state] = capture(stores, order(stores, sku, qty=2))
    ids["free"] = order(stores, free)
    fulfilment.write_shipments(stores)
    carried(stores, ids["shipped"], ParcelStatus.IN_TRANSIT)
    carried(stores, ids["delivered"], ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)
    refunds.refund(stores, ids["returned"], restock=True, reason=RefundReason.OPERATOR)
    refunds.refund(stores, ids["kept"], restock=False, reason=RefundReason.OPERATOR)
    refunds.refund(stores, ids["partly"], restock=True, reason=RefundReason.OPERATOR, units={sku: 1})
    ids["pending"] = order(stores, sku, qty=3)
    holds.extend(stores, ids["pending"])
    ids["paid"] = capture(stores, order(stores, sku))
    fulfilment.project(stores)
    return AuditedShop(stores, ids)


class Shelf:
    """Keeps a copy of all tables beside them, since opening a shop anew takes its time."""

    def __init__(self, database_url: str) -> None:
        self._engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
        self.ids: dict[str, UUID] = {}

    def keep(self, ids: dict[str, UUID]) -> None:
        self.ids = ids
        self._run("CREATE SCHEMA kept", *(f"CREATE TABLE kept.{t} AS TABLE {t}" for t in self._tables))

    def bring_back(self) -> None:
        columns = {
            table.name: ", ".join(column.name for column in table.columns if column.computed is None)
            for table in metadata.sorted_tables
        }
        self._run(
            *(
                f"INSERT INTO {t} ({columns[t]}) OVERRIDING SYSTEM VALUE"
                f" SELECT {columns[t]} FROM kept.{t} ON CONFLICT DO NOTHING"
                for t in self._tables
            )
        )

    def clear(self) -> None:
        self._run("DROP SCHEMA IF EXISTS kept CASCADE")
        self._engine.dispose()

    @property
    def _tables(self) -> list[str]:
        return [table.name for table in metadata.sorted_tables]

    def _run(self, *statements: str) -> None:
        with self._engine.begin() as db:
            for statement in statements:
                db.execute(text(statement))


def claim_for_an_hour(stores: Stores, order_id: UUID) -> None:
    """As if a worker had claimed the order and then stood still."""
    plant(
        stores,
        "UPDATE orders SET claimed_until = now() + interval '1 hour' WHERE order_id = :id",
        id=order_id,
    )


def told(found: list[Finding]) -> list[str]:
    """Findings as an operator reads them."""
    return [f"{one.invariant}: {one.message}" for one in found]


def tools(process: Process) -> Tools:
    """What repairs work with."""
    return Tools(process.stores(), process.stripe)
