"""One-time links to change an order, and the event that has one mailed."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ADDED = "link_asked"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "order_links",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column(
            "order_id",
            sa.Uuid(),
            sa.ForeignKey("orders.order_id", name="order_links_order_id_fkey"),
            nullable=False,
        ),
        sa.Column("created_at", moment, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_by", sa.Text()),
    )
    op.create_index("order_links_order_id_idx", "order_links", ["order_id"])
    _allow_kinds([*_kinds(), ADDED])


def downgrade() -> None:
    op.execute("DELETE FROM order_events WHERE kind = 'link_asked'")
    _allow_kinds([kind for kind in _kinds() if kind != ADDED])
    op.drop_table("order_links")


def _kinds() -> list[str]:
    """What the database allows now: other migrations add kinds of their own."""
    found = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'order_events_kind_check'"
    return re.findall(r"'(\w+)'::text", op.get_bind().exec_driver_sql(found).scalar_one())


def _allow_kinds(kinds: list[str]) -> None:
    op.execute("ALTER TABLE order_events DROP CONSTRAINT order_events_kind_check")
    allowed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(f"ALTER TABLE order_events ADD CONSTRAINT order_events_kind_check CHECK (kind IN ({allowed}))")
