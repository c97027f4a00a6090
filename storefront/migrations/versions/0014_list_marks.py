"""Where the pages of long lists begin. Lists are walked to without, until the next import fills it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "list_marks",
        sa.Column("sort", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True)),
        sa.Column("price_cents", sa.Integer()),
        sa.PrimaryKeyConstraint("sort", "category", "sku"),
    )
    op.create_index("list_marks_n_idx", "list_marks", ["sort", "category", "n"])


def downgrade() -> None:
    op.drop_table("list_marks")
