"""How many products each category has: counted when they change, so that reading costs no scan.

Triggers of the database (migration "counts") add a row for each change; the sums of a category's rows are its
counts. Rows are only added, so no sale waits for another of its category.
"""

from __future__ import annotations

from sqlalchemy import text

from storefront.domain.catalog import CategoryCount
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.reading import records

MOST_ROWS = 500
"""So many rows beyond one a category may gather before they are folded."""

_READ = Prepared("""
    SELECT category AS name, sum(products)::bigint AS products, sum(in_stock)::bigint AS in_stock
      FROM category_counts
     GROUP BY category HAVING sum(products) > 0 ORDER BY sum(category_counts.products) DESC, category
""")
# Folding and recounting replace the rows that they see; two at once would each leave a sum of the same rows.
# The lock is a statement of its own: in the same one the snapshot would be older than the wait.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('category counts', 0))")
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('category counts', 0))")
_MANY = text("SELECT count(*) > count(DISTINCT category) + :most FROM category_counts")
_FOLD = text("""
    WITH seen AS (DELETE FROM category_counts RETURNING category, products, in_stock)
    INSERT INTO category_counts (category, products, in_stock)
    SELECT category, sum(products), sum(in_stock) FROM seen GROUP BY category
    HAVING sum(products) <> 0 OR sum(in_stock) <> 0
""")
_RECOUNT = text("""
    WITH seen AS (DELETE FROM category_counts)
    INSERT INTO category_counts (category, products, in_stock)
    SELECT p.category, count(*), count(*) FILTER (WHERE s.quantity > s.reserved)
      FROM products p LEFT JOIN stock s USING (sku) WHERE p.listed GROUP BY p.category
""")


def read(db: Database) -> tuple[CategoryCount, ...]:
    """Every category with its listed products, largest first."""
    return tuple(records(CategoryCount, db.catalogue(_READ)))


def fold(db: Database, most: int = MOST_ROWS) -> bool:
    """Make one row a category of many, in the open transaction; False if there was nothing to do."""
    many = db.session.execute(_MANY, {"most": most}).scalar_one()
    if not many or not db.session.execute(_TRY_LOCK).scalar_one():
        return False
    db.session.execute(_FOLD)
    return True


def recount(db: Database) -> None:
    """Count the catalogue, in the open transaction.

    Unlisting a product in the same moment as its last unit is taken is counted by two triggers that don't see
    each other; what that leaves wrong ends here, with each import.
    """
    db.session.execute(_LOCK)
    db.session.execute(_RECOUNT)
