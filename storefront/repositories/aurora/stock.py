"""Stock: units on hand, and how many of them are promised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import BigInteger, Text, bindparam, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import Uuid

from storefront.domain.catalog import Stock, StockLevel
from storefront.domain.errors import Conflict, NotFound
from storefront.repositories.aurora.database import Database

# Every statement here that touches more than one row first locks them in SKU order (collation "C", so
# that the order is the same in every session): opposite orders are what deadlocks are made of.
_LOCK_LINES = text("""
    SELECT s.sku, i.qty, s.quantity, s.reserved
      FROM stock s JOIN (
        SELECT sku, sum(qty)::bigint AS qty FROM cart_items
         WHERE cart_id = ANY(:carts) GROUP BY sku
      ) i USING (sku)
     ORDER BY s.sku COLLATE "C"
       FOR UPDATE OF s
""").bindparams(bindparam("carts", type_=ARRAY(Uuid)))

_PUT_BACK = text("""
    WITH l AS MATERIALIZED (
        SELECT s.sku, i.qty FROM stock s JOIN unnest(:skus, :units) AS i (sku, qty) USING (sku)
         ORDER BY s.sku COLLATE "C"
           FOR UPDATE OF s
    )
    UPDATE stock SET quantity = stock.quantity + l.qty FROM l WHERE stock.sku = l.sku
""").bindparams(bindparam("skus", type_=ARRAY(Text)), bindparam("units", type_=ARRAY(BigInteger)))


class StockLevels:
    def __init__(self, db: Database) -> None:
        self._db = db

    def level(self, sku: str) -> StockLevel:
        """The stock of one SKU.

        Raises:
            NotFound: there is no such SKU.
        """
        rows = self._db.rows(select(Stock.sku, Stock.quantity, Stock.reserved).where(Stock.sku == sku))
        if not rows:
            raise NotFound(f"There is no product with the SKU {sku!r}")
        return StockLevel(**rows[0]._asdict())

    def release(self, carts: Iterable[UUID]) -> None:
        """Give the units reserved by the orders of these carts back to everybody."""
        self._change(carts, "reserved = stock.reserved - l.qty")

    def take_reserved(self, carts: Iterable[UUID]) -> None:
        """Units that were reserved leave the stock: they are sold."""
        self._change(carts, "reserved = stock.reserved - l.qty, quantity = stock.quantity - l.qty")

    def put_back(self, units: Mapping[str, int]) -> None:
        """Sold units, by SKU, return to the stock."""
        self._db.session.execute(_PUT_BACK, {"skus": list(units), "units": list(units.values())})

    def take_free(self, cart_id: UUID) -> bool:
        """Take all lines of a cart out of what nobody holds, or nothing; False if any is short."""
        locked = self._db.session.execute(_LOCK_LINES, {"carts": [cart_id]}).all()
        if any(row.quantity - row.reserved < row.qty for row in locked):
            return False
        self._change([cart_id], "quantity = stock.quantity - l.qty")
        return True

    def receive(self, sku: str, units: int) -> StockLevel:
        """Put units into stock; ``units`` may be negative to take back a receipt.

        Raises:
            NotFound: there is no such SKU.
            Conflict: fewer would be left than are reserved.
        """
        level = self._lock(sku)
        return self._correct(level, level.quantity + units)

    def set(self, sku: str, quantity: int) -> StockLevel:
        """Set what is on hand, as counted in the store room.

        Raises:
            NotFound, Conflict: as ``receive``.
        """
        return self._correct(self._lock(sku), quantity)

    def open(self, sku: str, quantity: int) -> None:
        """The first stock of a new SKU; a known SKU is left alone."""
        self._db.session.execute(
            insert(Stock).values(sku=sku, quantity=quantity, received=quantity).on_conflict_do_nothing()
        )

    def _lock(self, sku: str) -> StockLevel:
        row = self._db.session.execute(
            select(Stock.sku, Stock.quantity, Stock.reserved).where(Stock.sku == sku).with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no product with the SKU {sku!r}")
        return StockLevel(**row._asdict())

    def _correct(self, level: StockLevel, quantity: int) -> StockLevel:
        if quantity < level.reserved:
            raise Conflict(
                f"{level.sku}: {quantity} on hand would be less than the {level.reserved} reserved for "
                "orders that wait for payment"
            )
        # received moves along, so that sold = received - quantity stays what was really sold (I3).
        self._db.session.execute(
            update(Stock)
            .where(Stock.sku == level.sku)
            .values(quantity=quantity, received=Stock.received + literal(quantity - level.quantity))
        )
        return StockLevel(level.sku, quantity, level.reserved)

    def _change(self, carts: Iterable[UUID], assignments: str) -> None:
        self._db.session.execute(
            # The assignments are this class's own words, never anybody's input.
            text(f"""
                WITH l AS MATERIALIZED ({_LOCK_LINES.text})
                UPDATE stock SET {assignments} FROM l WHERE stock.sku = l.sku
            """).bindparams(bindparam("carts", type_=ARRAY(Uuid))),  # noqa: S608
            {"carts": list(carts)},
        )
