"""Several parcels to an order, each with its own carrier and code; what carriers tell before a booking.

Expanding only: the version before goes on with ``orders.delivery`` while this one takes over.
"""

from __future__ import annotations

from alembic import op

from storefront.domain.attention import AttentionKind
from storefront.domain.base import one_of
from storefront.domain.orders import EventKind

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BATCH = 500

TABLES = """
CREATE TABLE parcels (
    parcel_id UUID NOT NULL,
    order_id UUID NOT NULL,
    carrier TEXT NOT NULL,
    tracking_code TEXT NOT NULL,
    carrier_key TEXT NOT NULL,
    code_key TEXT NOT NULL,
    status TEXT NOT NULL,
    estimated_delivery DATE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    place TEXT DEFAULT '' NOT NULL,
    message TEXT DEFAULT '' NOT NULL,
    settled TEXT,
    reports JSONB DEFAULT '{}' NOT NULL,
    CONSTRAINT parcels_pkey PRIMARY KEY (parcel_id),
    CONSTRAINT parcels_code_key UNIQUE (carrier_key, code_key),
    CONSTRAINT parcels_status_check CHECK (status IN ('preparing', 'in_transit', 'out_for_delivery',
        'available_for_pickup', 'delivered', 'exception', 'returned', 'lost', 'cancelled')),
    CONSTRAINT parcels_settled_check CHECK (settled IN ('sent_again', 'refunded', 'closed')),
    CONSTRAINT parcels_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (order_id)
);
CREATE INDEX parcels_order_idx ON parcels (order_id);
CREATE INDEX parcels_code_idx ON parcels (code_key);

CREATE TABLE parcel_lines (
    parcel_id UUID NOT NULL,
    sku TEXT NOT NULL,
    qty INTEGER NOT NULL,
    CONSTRAINT parcel_lines_pkey PRIMARY KEY (parcel_id, sku),
    CONSTRAINT parcel_lines_qty_check CHECK (qty >= 1),
    CONSTRAINT parcel_lines_parcel_id_fkey FOREIGN KEY(parcel_id) REFERENCES parcels (parcel_id),
    CONSTRAINT parcel_lines_sku_fkey FOREIGN KEY(sku) REFERENCES products (sku)
);
CREATE INDEX parcel_lines_sku_idx ON parcel_lines (sku);

CREATE TABLE carrier_inbox (
    carrier TEXT NOT NULL,
    tracking_code TEXT NOT NULL,
    event_id TEXT NOT NULL,
    payload JSONB NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT carrier_inbox_pkey PRIMARY KEY (carrier, tracking_code, event_id)
);
CREATE INDEX carrier_inbox_code_idx ON carrier_inbox (tracking_code);
CREATE INDEX carrier_inbox_received_idx ON carrier_inbox (received_at);

ALTER TABLE orders ADD COLUMN IF NOT EXISTS promised_on DATE;
ALTER TABLE order_events ADD COLUMN told_at TIMESTAMP WITH TIME ZONE;
CREATE INDEX orders_look_again_idx ON orders ((delivery ->> 'look_again'))
    WHERE (delivery ->> 'look_again') IS NOT NULL;
CREATE INDEX order_events_untold_idx ON order_events (order_id) WHERE kind = 'carrier' AND told_at IS NULL;
CREATE INDEX order_events_carrier_idx ON order_events (order_id, at) WHERE kind = 'carrier';
"""

# A delivery of before was one parcel of all lines. Of each status the one report is kept that may matter:
# the first "delivered" and "returned", of the others the latest. Orders are taken in batches, each in a
# transaction of its own: a shopper's order is locked for milliseconds, and a run cut short goes on here.
CARRY_OVER = """
WITH due AS (
    SELECT order_id, cart_id, status, delivery FROM orders
     WHERE delivery ->> 'tracking_code' IS NOT NULL
       AND NOT EXISTS (SELECT FROM parcels p WHERE p.order_id = orders.order_id)
     ORDER BY order_id LIMIT %(batch)s FOR UPDATE
), booked AS (
    INSERT INTO parcels (parcel_id, order_id, carrier, tracking_code, carrier_key, code_key, status,
                         estimated_delivery, at, place, settled, reports)
    SELECT gen_random_uuid(), order_id, delivery ->> 'carrier', delivery ->> 'tracking_code',
           lower(delivery ->> 'carrier'), lower(delivery ->> 'tracking_code'), delivery ->> 'status',
           (delivery ->> 'estimated')::date, (delivery ->> 'timestamp')::timestamptz,
           coalesce(delivery ->> 'place', ''),
           CASE WHEN status = 'refunded' AND delivery ->> 'status' = 'returned' THEN 'refunded' END,
           coalesce((
               SELECT jsonb_object_agg(status, jsonb_build_object(
                          'event_id', event_id, 'at', at, 'place', place, 'message', message))
                 FROM (SELECT DISTINCT ON (data ->> 'status') data ->> 'status' AS status, event_id, at,
                              coalesce(data ->> 'place', '') AS place,
                              coalesce(data ->> 'message', '') AS message
                         FROM order_events e WHERE e.order_id = due.order_id AND e.kind = 'carrier'
                        ORDER BY data ->> 'status',
                              CASE WHEN data ->> 'status' IN ('delivered', 'returned')
                                   THEN extract(epoch FROM at) ELSE -extract(epoch FROM at) END
                 ) kept
           ), '{}')
      FROM due
    RETURNING parcel_id, order_id, tracking_code, status, settled
), lines AS (
    INSERT INTO parcel_lines (parcel_id, sku, qty)
    SELECT b.parcel_id, i.sku, i.qty FROM booked b JOIN due USING (order_id) JOIN cart_items i USING (cart_id)
), events AS (
    UPDATE order_events e SET data = e.data || jsonb_build_object('parcel_id', b.parcel_id)
      FROM booked b WHERE e.order_id = b.order_id AND e.kind = 'carrier'
), listed AS (
    INSERT INTO attention (kind, subject, order_id, code, text)
    SELECT 'parcel_returned', parcel_id, order_id, tracking_code, %(returned)s
      FROM booked WHERE status = 'returned' AND settled IS NULL
)
UPDATE orders o
   SET promised_on = coalesce(o.promised_on, (o.delivery ->> 'estimated')::date),
       delivery = o.delivery || jsonb_build_object(
           'projected', false, 'version', (o.delivery ->> 'version')::int + 1,
           'look_again', CASE WHEN o.status IN ('preparing', 'shipped')
                               AND o.delivery ->> 'status' <> 'returned' THEN o.delivery ->> 'estimated' END)
  FROM due WHERE o.order_id = due.order_id
"""


def upgrade() -> None:
    # A run that was cut short after its first batches finds the tables there.
    if not op.get_bind().exec_driver_sql("SELECT to_regclass('parcels')").scalar():
        op.get_bind().exec_driver_sql(TABLES)
        op.drop_constraint("order_events_kind_check", "order_events")
        op.create_check_constraint(op.f("order_events_kind_check"), "order_events", one_of("kind", EventKind))
    batch = {"batch": BATCH, "returned": AttentionKind.PARCEL_RETURNED.words}
    with op.get_context().autocommit_block():
        while op.get_bind().exec_driver_sql(CARRY_OVER, batch).rowcount:
            pass


def downgrade() -> None:
    op.execute("DROP TABLE carrier_inbox, parcel_lines, parcels")
    op.execute("DROP INDEX orders_look_again_idx")
    op.execute("ALTER TABLE orders DROP COLUMN promised_on")
    op.execute("ALTER TABLE order_events DROP COLUMN told_at")
