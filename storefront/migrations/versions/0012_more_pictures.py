"""Several pictures of a product."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("image_urls", sa.Text(), server_default="", nullable=False))
    op.add_column("products", sa.Column("more_pictures", JSONB(), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("products", "more_pictures")
    op.drop_column("products", "image_urls")
