"""How orders are read, each statement put together once."""

from __future__ import annotations

from sqlalchemy import bindparam, func, literal_column, select

from storefront.domain.cart import CartItem
from storefront.domain.catalog import Product
from storefront.domain.orders import Order
from storefront.domain.payments import Payment
from storefront.repositories.aurora.order_events import events_shown
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.refunds import refunded_units

ROW = (Order.order_id, Order.number, Order.status, Order.total_cents, Order.created_at, Order.expires_at)

SUMMARY = select(
    Order.order_id,
    Order.user_id,
    Order.cart_id,
    Order.number,
    Order.status,
    Order.total_cents,
    Order.address,
    Order.email,
    Order.created_at,
    Order.expires_at,
    Order.extended_at,
    Order.delivery,
    Order.promised_on,
    Payment.payment_id,
    Payment.status.label("payment_status"),
    Payment.provider,
    Payment.external_ref,
    Payment.attempt,
    func.clock_timestamp().label("now"),
).join(Payment, Payment.order_id == Order.order_id)

OF_ID = SUMMARY.where(Order.order_id == bindparam("order_id"))
BY_ID = Prepared(OF_ID)
PULSE = Prepared(OF_ID.add_columns(events_shown(Order.order_id)))
LINE = (
    CartItem.sku,
    CartItem.name,
    CartItem.qty,
    CartItem.price_cents,
    Product.category,
    Product.image_url,
    Product.picture,
)
"""Of an order's line: name and price frozen, the picture of today."""
LINES = Prepared(
    select(*LINE, refunded_units())
    .join(Product, Product.sku == CartItem.sku)
    .where(CartItem.cart_id == bindparam("cart_id"))
    .order_by(CartItem.name, CartItem.sku)
)
OF_CART = Prepared(
    select(Order.order_id).where(Order.cart_id == bindparam("cart_id"), Order.user_id == bindparam("user_id"))
)
UNPAID_OF = Prepared(
    select(*ROW)
    .where(
        Order.user_id == bindparam("user_id"),
        # Spelled as in the partial index.
        Order.status == literal_column("'pending'"),
        Order.expires_at > func.now(),
    )
    .order_by(Order.expires_at)
    .limit(1)
)
NOW = Prepared("SELECT clock_timestamp() AS now")

# --- placing

IN_TURN = Prepared(
    "SELECT pg_advisory_xact_lock(hashtextextended(CAST(:name AS text), CAST(:kind AS bigint)))"
)
# The status is spelled as in the partial index.
_HOLDS = """
    SELECT count(*) AS orders, min(expires_at) AS first_ends, clock_timestamp() AS now
      FROM orders WHERE status = 'pending' AND
"""
HOLDS_OF_SHOPPER = Prepared(f"{_HOLDS} user_id = :user_id")
HOLDS_OF_ADDRESS = Prepared(f"{_HOLDS} placed_from = :placed_from")
RESERVE = Prepared("""
    WITH locked AS MATERIALIZED (
        SELECT s.sku, i.qty, s.quantity - s.reserved >= i.qty AS ok
          FROM stock s JOIN cart_items i ON i.sku = s.sku AND i.cart_id = :cart_id
         ORDER BY s.sku COLLATE "C"
           FOR UPDATE OF s
    ), taken AS (
        UPDATE stock SET reserved = stock.reserved + locked.qty FROM locked
         WHERE stock.sku = locked.sku AND (SELECT bool_and(ok) FROM locked)
        RETURNING stock.sku
    )
    SELECT (SELECT count(*) FROM taken) AS taken,
           (SELECT count(*) FROM cart_items WHERE cart_id = :cart_id) AS wanted
""")
