"""The shop's tables."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    tables = "payments, order_events, orders, stock, cart_items, carts, search_words, products"
    op.execute(f"DROP TABLE {tables}")
    op.execute("DROP FUNCTION fold(text)")
