"""The stores of one unit of work: a request, a worker's job, a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import ParamSpec, TypeVar

from storefront.domain.errors import TransactionLost
from storefront.repositories.aurora.carts import Carts
from storefront.repositories.aurora.customer_orders import CustomerOrders
from storefront.repositories.aurora.engine import Database, Engines
from storefront.repositories.aurora.order_events import OrderEvents
from storefront.repositories.aurora.orders import Orders
from storefront.repositories.aurora.products import Products
from storefront.repositories.aurora.stock import StockLevels
from storefront.repositories.dynamodb.cards import Cards
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.repositories.dynamodb.limits import Counters
from storefront.repositories.dynamodb.outbox import Outbox
from storefront.repositories.dynamodb.users import Users

P = ParamSpec("P")
T = TypeVar("T")


class Stores:
    """Repositories over one database session and the process's DynamoDB client.

    ``transaction()`` is the only place where anything commits: at its end, all of it; on any exception,
    nothing. DynamoDB is not part of it and must not be called inside.
    """

    def __init__(self, engines: Engines, dynamodb: DynamoDB) -> None:
        self.db = Database(engines)
        self._dynamodb = dynamodb

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.db.transaction():
            yield

    @cached_property
    def products(self) -> Products:
        return Products(self.db)

    @cached_property
    def stock(self) -> StockLevels:
        return StockLevels(self.db)

    @cached_property
    def carts(self) -> Carts:
        return Carts(self.db)

    @cached_property
    def orders(self) -> Orders:
        return Orders(self.db)

    @cached_property
    def events(self) -> OrderEvents:
        return OrderEvents(self.db)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self._dynamodb)

    @cached_property
    def customer_orders(self) -> CustomerOrders:
        return CustomerOrders(self.db)

    @cached_property
    def users(self) -> Users:
        return Users(self._dynamodb)

    @cached_property
    def cards(self) -> Cards:
        return Cards(self._dynamodb)

    @cached_property
    def counters(self) -> Counters:
        return Counters(self._dynamodb)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self._dynamodb)


def again_if_lost(work: Callable[P, T]) -> Callable[P, T]:
    """Run a unit of work once more when its transaction was ended from outside.

    For functions that are one transaction and repeatable by key: after a failover or a broken lock
    cycle nothing of the first run stands, or its key finds what does.
    """

    @wraps(work)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except TransactionLost:
            return work(*args, **kwargs)

    return again
