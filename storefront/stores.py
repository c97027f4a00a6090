"""The stores of one unit of work: a request, a worker's job, a command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import ParamSpec, TypeVar

from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.domain.errors import CommitUnknown, TransactionLost
from storefront.repositories.aurora.abandoned import Abandoned
from storefront.repositories.aurora.attention import AttentionList
from storefront.repositories.aurora.carrier_inbox import CarrierInbox
from storefront.repositories.aurora.carts import Carts
from storefront.repositories.aurora.customer_orders import CustomerOrders
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.engine import Engines
from storefront.repositories.aurora.figures import Waiting, waiting
from storefront.repositories.aurora.order_events import OrderEvents
from storefront.repositories.aurora.order_links import OrderLinks
from storefront.repositories.aurora.order_queues import OrderQueues
from storefront.repositories.aurora.orders import Orders
from storefront.repositories.aurora.parcels import Parcels
from storefront.repositories.aurora.pictures import Pictures
from storefront.repositories.aurora.products import Products
from storefront.repositories.aurora.promises import Promises
from storefront.repositories.aurora.refunds import Refunds
from storefront.repositories.aurora.shop import shop_id
from storefront.repositories.aurora.shopper_claims import ShopperClaims
from storefront.repositories.aurora.stock import StockLevels
from storefront.repositories.aurora.strangers_mails import StrangersMails
from storefront.repositories.dynamodb.accounts import Accounts
from storefront.repositories.dynamodb.addresses import Addresses
from storefront.repositories.dynamodb.cards import Cards
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.repositories.dynamodb.limits import Counters
from storefront.repositories.dynamodb.outbox import Outbox
from storefront.repositories.dynamodb.password_resets import PasswordResets

P = ParamSpec("P")
T = TypeVar("T")


class Stores:
    """Repositories over one database session and the process's DynamoDB client.

    ``transaction()`` is the only place where anything commits: at its end, all of it; on any exception,
    nothing. DynamoDB is no part of it, so its repositories are not to be had inside. ``calendar`` is what the
    shop promises, by days of its own time zone.
    """

    def __init__(
        self,
        engines: Engines,
        dynamodb: DynamoDB,
        calendar: DeliveryCalendar,
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        """``ending`` tells whoever works through a list that it shall stop before the next."""
        self.db = Database(engines)
        self.ending = ending
        self._dynamodb = dynamodb
        self._in_transaction = False
        self._after_commit: list[Callable[[], None]] = []
        self.calendar = calendar

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._after_commit = []
        with self.db.transaction():
            self._in_transaction = True
            try:
                yield
            finally:
                self._in_transaction = False
        for call in self._after_commit:
            call()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Let ``call`` be made once the open transaction has committed, and never if it rolls back: for what
        can't be taken back, such as a line in the log."""
        self._after_commit.append(call)

    # --- Aurora

    @cached_property
    def products(self) -> Products:
        return Products(self.db)

    @cached_property
    def pictures(self) -> Pictures:
        return Pictures(self.db)

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
    def order_queues(self) -> OrderQueues:
        return OrderQueues(self.db)

    @cached_property
    def events(self) -> OrderEvents:
        return OrderEvents(self.db)

    @cached_property
    def parcels(self) -> Parcels:
        return Parcels(self.db)

    @cached_property
    def carrier_inbox(self) -> CarrierInbox:
        return CarrierInbox(self.db)

    @cached_property
    def shop_id(self) -> str:
        """The id that the shop was given by its first migration, by which it knows its own at Stripe."""
        return str(shop_id(self.db))

    @cached_property
    def refunds(self) -> Refunds:
        return Refunds(self.db)

    def waiting(self) -> Waiting:
        """How much waits in Aurora, and for how long."""
        return waiting(self.db)

    @cached_property
    def attention(self) -> AttentionList:
        return AttentionList(self.db)

    @cached_property
    def promises(self) -> Promises:
        return Promises(self.db)

    @cached_property
    def customer_orders(self) -> CustomerOrders:
        return CustomerOrders(self.db)

    @cached_property
    def order_links(self) -> OrderLinks:
        return OrderLinks(self.db)

    @cached_property
    def shopper_claims(self) -> ShopperClaims:
        return ShopperClaims(self.db)

    @cached_property
    def strangers_mails(self) -> StrangersMails:
        return StrangersMails(self.db)

    @cached_property
    def abandoned(self) -> Abandoned:
        return Abandoned(self.db)

    # --- DynamoDB: made anew at each use, so that each use is looked at

    @property
    def dynamodb(self) -> DynamoDB:
        """The process's client. Asking it inside a transaction is a mistake in the code: rows stay locked
        while the network is waited for, and what is written there would outlive a rollback."""
        if self._in_transaction:
            raise RuntimeError("this asks DynamoDB, so it must run outside stores.transaction()")
        return self._dynamodb

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.dynamodb)

    @property
    def addresses(self) -> Addresses:
        return Addresses(self.dynamodb)

    @property
    def password_resets(self) -> PasswordResets:
        return PasswordResets(self.dynamodb)

    @property
    def cards(self) -> Cards:
        return Cards(self.dynamodb)

    @property
    def deliveries(self) -> Deliveries:
        return Deliveries(self.dynamodb)

    @property
    def counters(self) -> Counters:
        return Counters(self.dynamodb)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.dynamodb)


def again_if_lost(work: Callable[P, T]) -> Callable[P, T]:
    """Run a unit of work once more when its transaction was ended from outside, or may have been.

    For functions that are one transaction and repeatable by key: nothing of the first run stands, or its key
    finds what does.
    """

    @wraps(work)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except TransactionLost:
            return work(*args, **kwargs)

    return again


def again_if_undone(work: Callable[P, T]) -> Callable[P, T]:
    """Run a unit of work once more when it is known that nothing of its transaction stands.

    For functions that are one transaction and have no key: run twice they would have two effects, or take
    their own for somebody else's. Where it may stand they raise CommitUnknown: whoever asked has to look.
    """

    @wraps(work)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except CommitUnknown:
            raise
        except TransactionLost:
            return work(*args, **kwargs)

    return again
