"""What needs a person, and the shop's own id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = (
    "'dispute', 'refund_refused', 'amount_mismatch', 'parcel_returned', 'parcel_lost', 'parcel_overdue',"
    " 'carrier_event_unbooked', 'order_stuck'"
)


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "attention",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.order_id", name="attention_order_id_fkey")),
        sa.Column("code", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("since", moment, server_default=sa.func.now(), nullable=False),
        sa.Column("done_at", moment),
        sa.Column("mailed_at", moment),
        sa.Column("mail_after", moment),
        sa.CheckConstraint(f"kind IN ({KINDS})", name="attention_kind_check"),
    )
    op.create_index(
        "attention_open_key",
        "attention",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("attention_order_idx", "attention", ["order_id"])
    op.create_index("attention_mailed_idx", "attention", ["mailed_at"])
    op.create_table(
        "shop",
        sa.Column("one", sa.Boolean, server_default=sa.true(), primary_key=True),
        sa.Column("shop_id", sa.Uuid, server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.CheckConstraint("one", name="shop_one_check"),
    )
    op.execute("INSERT INTO shop DEFAULT VALUES")


def downgrade() -> None:
    op.drop_table("shop")
    op.drop_table("attention")
