"""What a shopper does with a cart."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from storefront.domain.cart import CartLine, CartView
from storefront.domain.errors import Conflict, NotFound
from storefront.domain.ids import sku_problem
from storefront.domain.orders import EventKind, OrderStatus
from storefront.stores import Stores, again_if_undone


@dataclass(frozen=True)
class Added:
    """What came of adding: the cart as it is now, and the line in it."""

    cart: CartView
    line: CartLine


@again_if_undone
def add(stores: Stores, user_id: UUID, sku: str, qty: int) -> Added:
    """Put 1 to 99 units into the open cart, whatever the stock: a shortage is shown on the line.

    Raises:
        NotFound: no such product is for sale.
        TooLarge: the cart is full.
    """
    if sku_problem(sku):
        raise NotFound("This product is not for sale")
    with stores.transaction():
        cart = stores.carts.add(stores.carts.open(user_id), sku, qty)
    return Added(cart, next(line for line in cart.lines if line.sku == sku))


@again_if_undone
def change(stores: Stores, user_id: UUID, sku: str, qty: int) -> CartView:
    """Set a line's quantity; 0 removes it.

    Raises:
        NotFound: the cart has no such line.
    """
    if sku_problem(sku):
        raise NotFound("This product is not in your cart")
    with stores.transaction():
        stores.carts.change(stores.carts.open(user_id), sku, qty)
    return stores.carts.active(user_id)


@again_if_undone
def put_back(stores: Stores, user_id: UUID, order_id: UUID) -> int:
    """Lines of an order that ended unpaid go back into the open cart, once; how many came along.

    From then on the order can't be revived: a late payment for it is refunded, since the shopper may
    be ordering the same things again.

    Raises:
        NotFound: there is no such order.
        Conflict: it did not end unpaid, or its lines went back before.
    """
    with stores.transaction():
        cart_id = stores.carts.open(user_id)
        order, _ = stores.orders.lock(order_id)
        if order.status not in (OrderStatus.EXPIRED, OrderStatus.CANCELLED):
            raise Conflict(f"Order {order.number} is {order.status}, so its lines stay where they are.")
        if not stores.events.record(order_id, EventKind.REORDERED):
            raise Conflict("These are in your cart already.")
        return stores.carts.copy_lines(order.cart_id, cart_id)


@again_if_undone
def order_again(stores: Stores, user_id: UUID, order_id: UUID) -> int:
    """The lines of an order once more, into the shopper's open cart; how many are still for sale.

    Each keeps the price of the order as the one last seen, so that the cart says what changed.

    Raises:
        NotFound: there is no such order.
        TooLarge: the cart is full.
    """
    order = stores.orders.summary(order_id)
    with stores.transaction():
        return stores.carts.copy_lines(order.cart_id, stores.carts.open(user_id))
