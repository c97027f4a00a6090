"""Order events remember when their mail may go out at the earliest."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A new database has the column from 0001, which makes the tables as the classes describe them.
    op.execute("ALTER TABLE order_events ADD COLUMN IF NOT EXISTS mail_after timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE order_events DROP COLUMN mail_after")
