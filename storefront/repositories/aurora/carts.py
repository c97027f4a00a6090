"""Carts: one open cart a shopper, closed for ever by the order that came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import Row, and_, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.cart import MAX_LINES, MAX_QTY, Cart, CartItem, CartLine, CartView
from storefront.domain.catalog import Product, Stock
from storefront.domain.errors import NotFound, TooLarge
from storefront.repositories.aurora.engine import Database

_LINES = (
    select(
        CartItem.sku,
        func.coalesce(Product.name, CartItem.name).label("name"),
        CartItem.qty,
        CartItem.price_cents.label("price_seen"),
        Product.price_cents,
        (Stock.quantity - Stock.reserved).label("available"),
        Product.listed,
        Product.category,
        Product.image_url,
    )
    .join(Product, Product.sku == CartItem.sku)
    .join(Stock, Stock.sku == CartItem.sku)
)


class Carts:
    def __init__(self, db: Database) -> None:
        self._db = db

    def active(self, user_id: UUID) -> CartView:
        """The shopper's open cart with its lines as they are now, in one statement."""
        rows = self._db.rows(
            select(Cart.cart_id, *_LINES.selected_columns)
            .join(CartItem, CartItem.cart_id == Cart.cart_id, isouter=True)
            .join(Product, Product.sku == CartItem.sku, isouter=True)
            .join(Stock, Stock.sku == CartItem.sku, isouter=True)
            .where(Cart.user_id == user_id, Cart.closed_at.is_(None))
            .order_by(CartItem.sku)
        )
        if not rows:
            return CartView(None, ())
        return CartView(rows[0].cart_id, tuple(_line(row) for row in rows if row.sku is not None))

    def count(self, user_id: UUID) -> int:
        """How many units the open cart holds."""
        rows = self._db.rows(
            select(func.coalesce(func.sum(CartItem.qty), 0).label("units"))
            .join(Cart, Cart.cart_id == CartItem.cart_id)
            .where(Cart.user_id == user_id, Cart.closed_at.is_(None))
        )
        return int(rows[0].units)

    def lines(self, cart_id: UUID) -> tuple[CartLine, ...]:
        """The lines of a cart beside what is true of their products now."""
        rows = self._db.rows(_LINES.where(CartItem.cart_id == cart_id).order_by(CartItem.sku))
        return tuple(_line(row) for row in rows)

    def open(self, user_id: UUID) -> UUID:
        """The shopper's open cart, made if there is none, locked until the transaction ends.

        The partial unique index lets only one be open; of two that make it at once, the second waits
        and then finds the first's. A cart that is being ordered closes while its lock is waited for:
        then a new one is made.
        """
        while True:
            self._db.session.execute(
                insert(Cart)
                .values(cart_id=uuid4(), user_id=user_id)
                .on_conflict_do_update(
                    index_elements=["user_id"],
                    index_where=text("closed_at IS NULL"),
                    # To the day: it counts days, and most changes then cost no second version of the row.
                    set_={"changed_at": func.now()},
                    where=func.coalesce(Cart.changed_at, Cart.created_at) < func.now() - timedelta(days=1),
                )
            )
            cart_id: UUID | None = self._db.session.execute(
                select(Cart.cart_id)
                .where(Cart.user_id == user_id, Cart.closed_at.is_(None))
                .with_for_update()
            ).scalar_one_or_none()
            if cart_id is not None:
                return cart_id

    def lock_open(self, cart_id: UUID, user_id: UUID) -> bool:
        """Lock a cart of this shopper; False if it is closed.

        A statement of its own: locked within the statement that reads the lines, the snapshot would be
        older than the wait, and the lines not the ones that were reserved.

        Raises:
            NotFound: there is no such cart, or it is somebody else's.
        """
        row = self._db.session.execute(
            select(Cart.closed_at).where(Cart.cart_id == cart_id, Cart.user_id == user_id).with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFound("This cart is not here any more")
        return row.closed_at is None

    def add(self, cart_id: UUID, sku: str, qty: int) -> int:
        """Add units of a listed product to an open, locked cart; the line's new quantity, at most 99.

        Raises:
            NotFound: no such product is for sale.
            TooLarge: the cart has as many lines as it may hold.
        """
        product = self._db.session.execute(
            select(Product.name, Product.price_cents).where(Product.sku == sku, Product.listed)
        ).one_or_none()
        if product is None:
            raise NotFound("This product is not for sale")
        new = insert(CartItem).values(
            cart_id=cart_id, sku=sku, qty=qty, price_cents=product.price_cents, name=product.name
        )
        total: int = self._db.session.execute(
            new.on_conflict_do_update(
                index_elements=[CartItem.cart_id, CartItem.sku],
                set_={
                    "qty": func.least(CartItem.qty + new.excluded.qty, MAX_QTY),
                    "price_cents": new.excluded.price_cents,
                    "name": new.excluded.name,
                },
            ).returning(CartItem.qty)
        ).scalar_one()
        if self._count_lines(cart_id) > MAX_LINES:
            raise TooLarge(f"A cart holds at most {MAX_LINES} different products")
        return total

    def change(self, cart_id: UUID, sku: str, qty: int) -> None:
        """Set a line's quantity, 0 removing it, at the price the shopper has now been shown.

        Raises:
            NotFound: the cart has no such line.
        """
        line = and_(CartItem.cart_id == cart_id, CartItem.sku == sku)
        if qty == 0:
            self._db.session.execute(delete(CartItem).where(line))
            return
        found = self._db.session.execute(
            update(CartItem)
            .where(line, Product.sku == CartItem.sku)
            .values(qty=qty, price_cents=Product.price_cents, name=Product.name)
            .returning(CartItem.sku)
        ).one_or_none()
        if found is None:
            raise NotFound("This product is not in your cart")

    def freeze(self, cart_id: UUID, lines: Mapping[str, tuple[str, int]]) -> None:
        """Close a cart for ever, its lines at the given names and prices (cents) by SKU."""
        self._db.session.execute(
            text("""
                UPDATE cart_items SET name = f.name, price_cents = f.price_cents
                  FROM unnest(CAST(:skus AS text[]), CAST(:names AS text[]), CAST(:prices AS int[]))
                       AS f (sku, name, price_cents)
                 WHERE cart_id = :cart_id AND cart_items.sku = f.sku
            """),
            {
                "cart_id": cart_id,
                "skus": list(lines),
                "names": [name for name, _ in lines.values()],
                "prices": [price for _, price in lines.values()],
            },
        )
        self._db.session.execute(update(Cart).where(Cart.cart_id == cart_id).values(closed_at=func.now()))

    def copy_lines(self, source: UUID, target: UUID) -> int:
        """Add the still listed lines of one cart to another, open and locked; how many came along.

        At the prices of then, which are what the shopper last saw of these products.
        """
        rows = self._db.session.execute(
            text("""
                INSERT INTO cart_items (cart_id, sku, qty, price_cents, name)
                SELECT :target, i.sku, i.qty, i.price_cents, p.name
                  FROM cart_items i JOIN products p USING (sku)
                 WHERE i.cart_id = :source AND p.listed
                ON CONFLICT (cart_id, sku) DO UPDATE
                   SET qty = least(cart_items.qty + excluded.qty, :most)
                RETURNING sku
            """),
            {"source": source, "target": target, "most": MAX_QTY},
        ).all()
        if self._count_lines(target) > MAX_LINES:
            raise TooLarge(f"A cart holds at most {MAX_LINES} different products")
        return len(rows)

    def take_over(self, source: UUID, target: UUID, skus: Iterable[str]) -> None:
        """Move these lines of one open cart into another, the larger quantity of each; the first is empty
        then. Both are locked. The prices are those the source's shopper saw last."""
        self._db.session.execute(
            text("""
                INSERT INTO cart_items (cart_id, sku, qty, price_cents, name)
                SELECT :target, sku, qty, price_cents, name FROM cart_items
                 WHERE cart_id = :source AND sku = ANY(:skus) ORDER BY sku
                ON CONFLICT (cart_id, sku) DO UPDATE
                   SET qty = greatest(cart_items.qty, excluded.qty),
                       price_cents = excluded.price_cents, name = excluded.name
            """),
            {"source": source, "target": target, "skus": list(skus)},
        )
        self._db.session.execute(delete(CartItem).where(CartItem.cart_id == source))

    def _count_lines(self, cart_id: UUID) -> int:
        return self._db.session.execute(select(func.count()).where(CartItem.cart_id == cart_id)).scalar_one()


def _line(row: Row[*tuple[object, ...]]) -> CartLine:
    values = row._asdict()
    values.pop("cart_id", None)
    return CartLine(**values)
