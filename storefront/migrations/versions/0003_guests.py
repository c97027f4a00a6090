"""Shoppers' ids that one must be signed in for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shopper_claims",
        sa.Column("user_id", sa.Uuid(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "state IN ('registering', 'account', 'merged')", name=op.f("shopper_claims_state_check")
        ),
    )


def downgrade() -> None:
    op.drop_table("shopper_claims")
