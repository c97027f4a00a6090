"""What pictures were made of a product's photograph."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("picture", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("products", "picture")
