"""Which orders have a shipment (I7), as far as Aurora shows it; across_stores.py asks DynamoDB too."""

from __future__ import annotations

from storefront.audit.finding import Remedy
from storefront.audit.invariants.rule import Rule

RULES = (
    Rule(
        "I7",
        "o.status IN ('preparing', 'shipped', 'delivered') AND o.delivery IS NULL",
        "format('is %s without a delivery', o.status)",
    ),
    Rule(
        "I7",
        "o.delivery IS NOT NULL AND (o.status IN ('pending', 'expired', 'cancelled', 'paid')"
        " OR NOT (h.paid OR h.paid_late))",
        "format('has a delivery, but is %s', o.status)",
        advice="Make sure that no parcel goes out for it.",
    ),
    Rule(
        "I7",
        "o.status = 'refunded' AND o.delivery ->> 'status' = 'preparing'",
        "'is refunded, but its shipment is still prepared'",
        remedy=Remedy.STOP_PARCEL,
    ),
)
