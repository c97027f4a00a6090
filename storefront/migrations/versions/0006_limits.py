"""Where unpaid orders come from, and mails that strangers can cause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("placed_from", sa.Text()))
    op.create_index(
        "orders_placed_from_idx",
        "orders",
        ["placed_from"],
        postgresql_where=sa.text("placed_from IS NOT NULL"),
    )
    op.create_table(
        "strangers_mails",
        sa.Column("address_hash", sa.Text(), primary_key=True),
        sa.Column("reference", sa.Text(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_index("strangers_mails_at_idx", "strangers_mails", ["at"])


def downgrade() -> None:
    op.drop_table("strangers_mails")
    op.drop_column("orders", "placed_from")
