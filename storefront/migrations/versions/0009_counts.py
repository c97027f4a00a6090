"""Counts of each category, kept by triggers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Many rows come in by one statement, so inserts are counted by the statement; updates one by one, but only
# those that change what is counted: a sale that leaves something in stock calls no function.
TRIGGERS = """
CREATE FUNCTION count_new_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO category_counts (category, products, in_stock)
    SELECT category, count(*), 0 FROM added WHERE listed GROUP BY category;
    RETURN NULL;
END $$;
CREATE TRIGGER products_counted_in AFTER INSERT ON products REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_products();

CREATE FUNCTION count_new_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO category_counts (category, products, in_stock)
    SELECT p.category, 0, count(*) FROM added a JOIN products p USING (sku)
     WHERE p.listed AND a.quantity > a.reserved GROUP BY p.category;
    RETURN NULL;
END $$;
CREATE TRIGGER stock_counted_in AFTER INSERT ON stock REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_new_stock();

CREATE FUNCTION count_moved_product() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    available integer := (SELECT count(*) FROM stock WHERE sku = NEW.sku AND quantity > reserved);
BEGIN
    INSERT INTO category_counts (category, products, in_stock)
    SELECT category, n, n * available
      FROM (VALUES (OLD.category, OLD.listed, -1), (NEW.category, NEW.listed, 1)) moved (category, listed, n)
     WHERE listed;
    RETURN NULL;
END $$;
CREATE TRIGGER products_moved AFTER UPDATE ON products FOR EACH ROW
    WHEN (OLD.listed <> NEW.listed OR OLD.category <> NEW.category)
    EXECUTE FUNCTION count_moved_product();

CREATE FUNCTION count_availability() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO category_counts (category, products, in_stock)
    SELECT category, 0, CASE WHEN NEW.quantity > NEW.reserved THEN 1 ELSE -1 END
      FROM products WHERE sku = NEW.sku AND listed;
    RETURN NULL;
END $$;
CREATE TRIGGER stock_availability AFTER UPDATE ON stock FOR EACH ROW
    WHEN ((OLD.quantity > OLD.reserved) <> (NEW.quantity > NEW.reserved))
    EXECUTE FUNCTION count_availability();

INSERT INTO category_counts (category, products, in_stock)
SELECT p.category, count(*), count(*) FILTER (WHERE s.quantity > s.reserved)
  FROM products p LEFT JOIN stock s USING (sku) WHERE p.listed GROUP BY p.category;
"""


def upgrade() -> None:
    op.create_table(
        "category_counts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("products", sa.BigInteger(), nullable=False),
        sa.Column("in_stock", sa.BigInteger(), nullable=False),
    )
    # What is sold between this and the commit is counted too.
    op.execute("LOCK TABLE products, stock IN SHARE ROW EXCLUSIVE MODE")
    op.get_bind().exec_driver_sql(TRIGGERS)


def downgrade() -> None:
    for trigger, table, function in (
        ("products_counted_in", "products", "count_new_products"),
        ("stock_counted_in", "stock", "count_new_stock"),
        ("products_moved", "products", "count_moved_product"),
        ("stock_availability", "stock", "count_availability"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_table("category_counts")
