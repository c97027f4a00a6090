"""Carts: one open cart a shopper, closed for ever by the order that came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID, uuid4

from sqlalchemy import Row, and_, delete, func, select, text, update

from storefront.domain.cart import MAX_LINES, MAX_QTY, CartItem, CartLine, CartView
from storefront.domain.catalog import Product
from storefront.domain.errors import NotFound, TooLarge
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared

_LINE = """
    i.sku, coalesce(p.name, i.name) AS name, i.qty, i.price_cents AS price_seen, p.price_cents,
    s.quantity - s.reserved AS available, p.listed, p.category, p.image_url,
    p.picture
"""
_LINES = Prepared(f"""
    SELECT {_LINE} FROM cart_items i JOIN products p USING (sku) JOIN stock s USING (sku)
     WHERE i.cart_id = :cart_id ORDER BY i.sku
""")  # noqa: S608 - made of our own constants
_ACTIVE = Prepared(f"""
    SELECT c.cart_id, {_LINE}
      FROM carts c LEFT JOIN cart_items i USING (cart_id)
      LEFT JOIN products p USING (sku) LEFT JOIN stock s USING (sku)
     WHERE c.user_id = :user_id AND c.closed_at IS NULL ORDER BY i.sku
""")  # noqa: S608 - made of our own constants
_COUNT = Prepared("""
    SELECT coalesce(sum(i.qty), 0) AS units FROM carts c JOIN cart_items i USING (cart_id)
     WHERE c.user_id = :user_id AND c.closed_at IS NULL
""")
# It is touched to the day: it counts days, and most changes then cost no second version of the row.
_OPEN = Prepared("""
    WITH mine AS (
        SELECT cart_id, coalesce(changed_at, created_at) < now() - interval '1 day' AS stale
          FROM carts WHERE user_id = :user_id AND closed_at IS NULL FOR UPDATE
    ), touched AS (
        UPDATE carts SET changed_at = now() WHERE cart_id = (SELECT cart_id FROM mine WHERE stale)
    ), made AS (
        INSERT INTO carts (cart_id, user_id) SELECT :cart_id, :user_id WHERE NOT EXISTS (SELECT FROM mine)
            ON CONFLICT (user_id) WHERE closed_at IS NULL DO NOTHING
        RETURNING cart_id
    )
    SELECT cart_id FROM mine UNION ALL SELECT cart_id FROM made
""")
_LOCK_OPEN = Prepared(
    "SELECT closed_at FROM carts WHERE cart_id = :cart_id AND user_id = :user_id FOR UPDATE"
)
_FREEZE = Prepared("""
    UPDATE cart_items SET name = f.name, price_cents = f.price_cents
      FROM unnest(CAST(:skus AS text[]), CAST(:names AS text[]), CAST(:prices AS int[]))
           AS f (sku, name, price_cents)
     WHERE cart_id = :cart_id AND cart_items.sku = f.sku
""")
_CLOSE = Prepared("UPDATE carts SET closed_at = now() WHERE cart_id = :cart_id")
_ADD = Prepared("""
    INSERT INTO cart_items (cart_id, sku, qty, price_cents, name)
    SELECT :cart_id, sku, :qty, price_cents, name FROM products WHERE sku = :sku AND listed
        ON CONFLICT (cart_id, sku) DO UPDATE
       SET qty = least(cart_items.qty + excluded.qty, :most),
           price_cents = excluded.price_cents, name = excluded.name
    RETURNING qty
""")


class Carts:
    def __init__(self, db: Database) -> None:
        self._db = db

    def active(self, user_id: UUID) -> CartView:
        """The shopper's open cart with its lines as they are now, in one statement."""
        rows = self._db.rows(_ACTIVE, {"user_id": user_id})
        if not rows:
            return CartView(None, ())
        return CartView(rows[0].cart_id, tuple(_line(row) for row in rows if row.sku is not None))

    def count(self, user_id: UUID) -> int:
        """How many units the open cart holds."""
        return int(self._db.rows(_COUNT, {"user_id": user_id})[0].units)

    def lines(self, cart_id: UUID) -> tuple[CartLine, ...]:
        """The lines of a cart beside what is true of their products now."""
        return tuple(_line(row) for row in self._db.rows(_LINES, {"cart_id": cart_id}))

    def open(self, user_id: UUID) -> UUID:
        """The shopper's open cart, made if there is none, locked until the transaction ends.

        The partial unique index lets only one be open; of two that make it at once, the second waits, makes
        none, and finds the first's when it looks again. A cart that is being ordered closes while its lock
        is waited for: then a new one is made.
        """
        while True:
            rows = self._db.write(_OPEN, {"user_id": user_id, "cart_id": uuid4()})
            if rows:
                cart_id: UUID = rows[0].cart_id
                return cart_id

    def lock_open(self, cart_id: UUID, user_id: UUID) -> bool:
        """Lock a cart of this shopper; False if it is closed.

        A statement of its own: locked within the statement that reads the lines, the snapshot would be
        older than the wait, and the lines not the ones that were reserved.

        Raises:
            NotFound: there is no such cart, or it is somebody else's.
        """
        rows = self._db.write(_LOCK_OPEN, {"cart_id": cart_id, "user_id": user_id})
        if not rows:
            raise NotFound("This cart is not here any more")
        return rows[0].closed_at is None

    def add(self, cart_id: UUID, sku: str, qty: int) -> CartView:
        """Add units of a listed product to an open, locked cart, as it is then; a line holds at most 99.

        Raises:
            NotFound: no such product is for sale.
            TooLarge: the cart has as many lines as it may hold.
        """
        if not self._db.write(_ADD, {"cart_id": cart_id, "sku": sku, "qty": qty, "most": MAX_QTY}):
            raise NotFound("This product is not for sale")
        view = CartView(cart_id, self.lines(cart_id))
        if len(view.lines) > MAX_LINES:
            raise TooLarge(f"A cart holds at most {MAX_LINES} different products")
        return view

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
        frozen = {
            "cart_id": cart_id,
            "skus": list(lines),
            "names": [name for name, _ in lines.values()],
            "prices": [price for _, price in lines.values()],
        }
        self._db.write(_FREEZE, frozen)
        self._db.write(_CLOSE, {"cart_id": cart_id})

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
