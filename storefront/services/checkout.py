"""Placing an order: one Aurora transaction that takes all of a cart, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from storefront.domain.addresses import PostalAddress
from storefront.domain.cart import CartLine, digest
from storefront.domain.errors import CheckoutChanged, Conflict, Difference, Invalid, TooManyHolds
from storefront.domain.ids import OrderId, UserId, new_order_number
from storefront.domain.money import MAX_CENTS, least_charge
from storefront.domain.orders import MAX_LIVE_HOLDS, EventKind, Order, OrderStatus
from storefront.domain.payments import Payment, PaymentStatus, Provider
from storefront.formats import minutes
from storefront.repositories.aurora.orders import LiveHolds
from storefront.services import address_rules
from storefront.stores import Stores, again_if_lost


@dataclass(frozen=True)
class Placement:
    """What a shopper confirms: ``seen`` is the digest of the lines as the page showed them."""

    user_id: UserId
    cart_id: UUID
    seen: str
    email: str
    address: PostalAddress
    placed_from: str | None = None
    """A keyed hash of the client's address; None where it can't be told."""


@again_if_lost
def place(
    stores: Stores, placement: Placement, hold: timedelta, currency: str = "USD", *, per_address: int = 0
) -> OrderId:
    """Place the order, its stock out of everybody else's reach until ``hold`` from now.

    ``per_address`` unpaid orders may be held from one address, any number if it is 0. What is paid doesn't
    count, so an office or a school behind one address can buy.
    ``currency`` is the shop's (ISO 4217, upper case): on it depends the least that can be charged.

    Repeatable: the cart is the key, so a second submit of it gets the order of the first.

    Raises:
        NotFound: the cart is not this shopper's.
        CheckoutChanged: what was confirmed is no longer so; nothing was placed.
        Invalid: the cart is empty, its total can't be charged, or nothing is sent to that country.
        TooManyHolds: the shopper, or the address, holds as many unpaid orders as one may.
    """
    placed = stores.orders.of_cart(placement.cart_id, placement.user_id)
    if placed is not None:
        return OrderId(placed)
    address_rules.require_served(stores.calendar, placement.address.country)
    with stores.transaction():
        holds = stores.orders.lock_shopper(placement.user_id)
        near = None
        if per_address and placement.placed_from:
            near = stores.orders.lock_address(placement.placed_from)
        if not stores.carts.lock_open(placement.cart_id, placement.user_id):
            placed = stores.orders.of_cart(placement.cart_id, placement.user_id)
            if placed is None:
                raise Conflict("This cart is closed already.")
            return OrderId(placed)
        _require_room(holds, near, per_address)
        lines = stores.carts.lines(placement.cart_id)
        total = _confirmed_total(lines, placement.seen, currency)
        # The look above is without locks; this one locks, looks again and takes.
        if not stores.orders.reserve(placement.cart_id):
            raise CheckoutChanged(differences(stores.carts.lines(placement.cart_id), by_shortage=True))
        return _write(stores, placement, lines, total, hold)


def _require_room(holds: LiveHolds, near: LiveHolds | None, per_address: int) -> None:
    if holds.orders >= MAX_LIVE_HOLDS:
        raise TooManyHolds(
            f"You have {holds.orders} unpaid orders that hold their goods. Pay or cancel one of them first,"
            f" or come back in {minutes(holds.seconds)}, when the first hold ends.",
            holds.seconds,
        )
    if near is not None and near.orders >= per_address:
        raise TooManyHolds(
            f"{near.orders} unpaid orders are held from your network right now. Please come back in"
            f" {minutes(near.seconds)}, when the first hold ends. What you hold, you can pay for.",
            near.seconds,
        )


def _confirmed_total(lines: tuple[CartLine, ...], seen: str, currency: str) -> int:
    if not lines:
        raise Invalid("Your cart is empty.")
    now = digest((line.sku, line.qty, line.price_cents) for line in lines)
    if now != seen or any(line.short for line in lines):
        raise CheckoutChanged(differences(lines))
    total = sum(line.total_cents for line in lines)
    if 0 < total < least_charge(currency):
        raise Invalid("This order's total is too small to be paid by card.")
    if total > MAX_CENTS:
        raise Invalid("This order's total is too large to be paid by card.")
    return total


def _write(
    stores: Stores, placement: Placement, lines: tuple[CartLine, ...], total: int, hold: timedelta
) -> OrderId:
    order_id = OrderId(uuid4())
    free = total == 0
    stores.carts.freeze(placement.cart_id, {line.sku: (line.name, line.price_cents) for line in lines})
    stores.orders.insert(
        Order(
            order_id=order_id,
            user_id=placement.user_id,
            cart_id=placement.cart_id,
            status=OrderStatus.PENDING,
            total_cents=total,
            address=placement.address,
            number=new_order_number(),
            email=placement.email,
            placed_from=placement.placed_from,
        ),
        Payment(
            payment_id=uuid4(),
            order_id=order_id,
            status=PaymentStatus.PENDING,
            provider=Provider.NONE if free else Provider.STRIPE,
            attempt=1,
        ),
        hold,
    )
    stores.events.record(order_id, EventKind.PLACED, {"total_cents": total})
    if free:
        # Nothing to pay: the order goes through the same two states, in one transaction.
        order, payment = stores.orders.lock(order_id)
        stores.stock.take_reserved([order.cart_id])
        payment.move(PaymentStatus.CAPTURED)
        order.pay(stores.orders.now(), stores.calendar)
        stores.events.record(order_id, EventKind.PAID, {"total_cents": 0})
    return order_id


def differences(lines: tuple[CartLine, ...], *, by_shortage: bool = False) -> list[Difference]:
    """The lines that are not as the shopper saw them; with ``by_shortage`` only those in short supply."""
    return [
        Difference(
            sku=line.sku,
            name=line.name,
            wanted=line.qty,
            available=max(line.available, 0) if line.listed else 0,
            price_seen=line.price_seen,
            price_now=line.price_cents,
            listed=line.listed,
        )
        for line in lines
        if line.short or (line.price_changed and not by_shortage)
    ]
