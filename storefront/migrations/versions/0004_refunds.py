"""Refunds have rows of their own, and lines; what was refunded before is carried over."""

from __future__ import annotations

import re

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ADDED = ("part_refund_due", "part_refund_done")

TABLES = """
CREATE TABLE refunds (
    refund_id UUID NOT NULL,
    order_id UUID NOT NULL,
    cents INTEGER NOT NULL,
    restock BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    external_ref TEXT,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT refunds_pkey PRIMARY KEY (refund_id),
    CONSTRAINT refunds_status_check CHECK (status IN ('due', 'done', 'refused')),
    CONSTRAINT refunds_cents_check CHECK (cents >= 0),
    CONSTRAINT refunds_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (order_id)
);
CREATE INDEX refunds_order_idx ON refunds (order_id);
CREATE INDEX refunds_due_idx ON refunds (order_id) WHERE status = 'due';

CREATE TABLE refund_lines (
    refund_id UUID NOT NULL,
    sku TEXT NOT NULL,
    qty INTEGER NOT NULL,
    restocked INTEGER NOT NULL,
    CONSTRAINT refund_lines_pkey PRIMARY KEY (refund_id, sku),
    CONSTRAINT refund_lines_qty_check CHECK (qty BETWEEN 1 AND 99),
    CONSTRAINT refund_lines_restocked_check CHECK (restocked BETWEEN 0 AND qty),
    CONSTRAINT refund_lines_refund_id_fkey FOREIGN KEY(refund_id) REFERENCES refunds (refund_id),
    CONSTRAINT refund_lines_sku_fkey FOREIGN KEY(sku) REFERENCES products (sku)
);
CREATE INDEX refund_lines_sku_idx ON refund_lines (sku);
"""

# A refund was of a whole order until now. It takes the payment's id, which makes it the order's only one.
CARRIED_OVER = """
INSERT INTO refunds (refund_id, order_id, cents, restock, status, at)
SELECT p.payment_id, o.order_id, coalesce((e.data ->> 'cents')::int, o.total_cents),
       coalesce(e.data ->> 'stock', '') = 'returned',
       CASE WHEN EXISTS (SELECT FROM order_events r
                          WHERE r.order_id = o.order_id AND r.kind = 'refund_refused') THEN 'refused'
            WHEN p.status = 'refunded' THEN 'done' ELSE 'due' END,
       coalesce(e.at, o.created_at)
  FROM orders o JOIN payments p USING (order_id)
  LEFT JOIN order_events e ON e.order_id = o.order_id AND e.event_id = 'refund_due'
 WHERE o.status = 'refunded'
"""
LINES_CARRIED_OVER = """
INSERT INTO refund_lines (refund_id, sku, qty, restocked)
SELECT r.refund_id, i.sku, i.qty, CASE WHEN r.restock THEN i.qty ELSE 0 END
  FROM refunds r JOIN orders o USING (order_id) JOIN cart_items i USING (cart_id)
  JOIN order_events e ON e.order_id = o.order_id AND e.event_id = 'refund_due'
 WHERE e.data ->> 'stock' <> 'not_taken'
"""


def upgrade() -> None:
    for statements in (TABLES, CARRIED_OVER, LINES_CARRIED_OVER):
        op.get_bind().exec_driver_sql(statements)
    _allow_kinds(_kinds() + [kind for kind in ADDED if kind not in _kinds()])


def downgrade() -> None:
    _allow_kinds([kind for kind in _kinds() if kind not in ADDED])
    op.execute("DROP TABLE refund_lines, refunds")


def _kinds() -> list[str]:
    """What the database allows now: other migrations add kinds of their own."""
    found = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'order_events_kind_check'"
    return re.findall(r"'(\w+)'::text", op.get_bind().exec_driver_sql(found).scalar_one())


def _allow_kinds(kinds: list[str]) -> None:
    op.execute("ALTER TABLE order_events DROP CONSTRAINT order_events_kind_check")
    allowed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(f"ALTER TABLE order_events ADD CONSTRAINT order_events_kind_check CHECK (kind IN ({allowed}))")
