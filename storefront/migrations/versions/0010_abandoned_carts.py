"""When a cart was last used, by which abandoned ones are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("carts", sa.Column("changed_at", sa.DateTime(timezone=True)))
    op.execute(
        "CREATE INDEX carts_abandoned_idx ON carts (coalesce(changed_at, created_at)) WHERE closed_at IS NULL"
    )


def downgrade() -> None:
    op.drop_column("carts", "changed_at")
