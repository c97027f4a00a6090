"""What an order's payment must be (I4, I13)."""

from __future__ import annotations

from storefront.audit.invariants.rule import LOOK_AT_HISTORY, REFUND, SOLD_STATUSES, Rule

RULES = (
    Rule("I4", "p.payment_id IS NULL", "'has no payment'"),
    Rule(
        "I4",
        f"(o.status IN ({SOLD_STATUSES})) <> (p.status = 'captured')"
        " OR (o.status = 'refunded') <> (p.status IN ('refunding', 'refunded'))",
        "format('is %s, but its payment is %s', o.status, p.status)",
        advice="Compare with the payment in Stripe's dashboard, and refund there what nobody got goods for.",
    ),
    Rule(
        "I4",
        "(p.provider = 'none') <> (o.total_cents = 0)",
        "format('costs %s cents, but its payment provider is %s', o.total_cents, p.provider)",
    ),
    Rule(
        "I4",
        "p.provider = 'stripe' AND p.status IN ('captured', 'refunding', 'refunded')"
        " AND p.external_ref IS NULL",
        "format('has a %s payment without a reference at Stripe', p.status)",
        advice="Find the payment by its order_id in Stripe's dashboard.",
    ),
    Rule(
        "I4",
        f"p.provider = 'stripe' AND o.status IN ({SOLD_STATUSES})"
        " AND h.cents IS DISTINCT FROM o.total_cents::text",
        "format('costs %s cents, but %s were captured', o.total_cents, coalesce(h.cents, 'none'))",
        advice=REFUND,
    ),
    Rule(
        "I4",
        f"p.provider = 'stripe' AND o.status IN ({SOLD_STATUSES}) AND h.currency IS DISTINCT FROM :currency",
        "format('was paid in %s', coalesce(h.currency, 'no known currency'))",
        advice=REFUND,
    ),
    Rule(
        "I4",
        f"o.status IN ({SOLD_STATUSES}) AND h.all_back",
        "format('is %s, but all of its units are refunded', o.status)",
    ),
    Rule(
        "I4",
        "o.status = 'refunded' AND (h.paid OR h.paid_late) AND h.all_back IS NOT TRUE"
        " OR o.status = 'refunded' AND h.refund_cents IS NULL",
        "'is refunded, but not all of it was decided to go back'",
        advice=LOOK_AT_HISTORY,
    ),
    Rule(
        "I4",
        "h.refund_cents > coalesce(h.cents, h.due_cents, '0')::bigint",
        "format('had %s cents captured, and %s refunded', coalesce(h.cents, h.due_cents, 'no'),"
        " h.refund_cents)",
        advice="Compare with its refunds in Stripe's dashboard.",
    ),
    Rule(
        "I4",
        "h.refund_cents > 0 AND o.status IN ('pending', 'expired', 'cancelled')",
        "format('is %s, but has refunds', o.status)",
    ),
    Rule(
        "I4",
        "p.status = 'refunding' AND h.all_done",
        "'has a payment that is still to go back, though all of its refunds are done'",
    ),
    Rule(
        "I13",
        "p.status = 'failed' AND NOT h.payment_failed",
        "'has a failed payment, but no bank ever declined it'",
        advice="Ask Stripe: storefront audit --stripe",
    ),
)
