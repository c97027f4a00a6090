"""The day that was promised when an order was paid, and how many promises were kept."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE promise_weeks (
    monday DATE NOT NULL,
    kept INTEGER DEFAULT '0' NOT NULL,
    broken INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT promise_weeks_pkey PRIMARY KEY (monday),
    CONSTRAINT promise_weeks_counts_check CHECK (kept >= 0 AND broken >= 0)
)
"""

# What was told as the day until now; who still waits for a parcel was promised it.
CARRIED_OVER = """
UPDATE orders SET promised_on = (delivery ->> 'estimated')::date
 WHERE promised_on IS NULL AND delivery IS NOT NULL
"""


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN IF NOT EXISTS promised_on DATE")
    op.execute(TABLE)
    op.execute(CARRIED_OVER)


def downgrade() -> None:
    op.execute("DROP TABLE promise_weeks")
    op.execute("ALTER TABLE orders DROP COLUMN promised_on")
