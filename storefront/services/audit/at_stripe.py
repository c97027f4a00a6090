"""The books compared with Stripe's (I5, I6): every payment object that an order ever had, asked one by one.

Like DynamoDB, Stripe is asked without a transaction around it, and what differs counts only if it still does
a worker's round later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import text

from storefront.domain.errors import PaymentRefused
from storefront.domain.orders import PaymentStatus
from storefront.payments.provider import Taken
from storefront.payments.stripe_client import Stripe
from storefront.services.audit.finding import Finding, Progress, Remedy
from storefront.stores import Stores

AT_ONCE = 8
"""Calls to Stripe under way together; it allows some 100 a second."""
PAGE = 200

_HELD = (PaymentStatus.CAPTURED, PaymentStatus.REFUNDING, PaymentStatus.REFUNDED)

_PAYMENTS = """
    SELECT o.order_id, o.number, o.status, o.total_cents, p.status AS payment, p.external_ref,
           coalesce(e.refs, '{}') AS refs, coalesce(e.strays, '{}') AS strays,
           coalesce(e.refused, false) AS refused, e.cents
      FROM orders o JOIN payments p USING (order_id)
      LEFT JOIN LATERAL (
          SELECT array_agg(data ->> 'ref')
                     FILTER (WHERE kind IN ('payment_started', 'stray_capture')) AS refs,
                 array_agg(data ->> 'ref') FILTER (WHERE kind = 'stray_capture') AS strays,
                 bool_or(kind = 'refund_refused') AS refused,
                 max(data ->> 'cents') FILTER (WHERE kind IN ('paid', 'paid_late')
                     OR kind = 'refund_due' AND data ->> 'stock' = 'not_taken')::bigint AS cents
            FROM order_events e WHERE e.order_id = o.order_id
      ) e ON true
     WHERE p.provider = 'stripe' AND (p.external_ref IS NOT NULL OR e.refs IS NOT NULL)
"""
_AFTER = text(
    _PAYMENTS
    + """
       AND (o.created_at > now() - CAST(:since AS interval) OR p.status = 'refunding')
       AND o.order_id > :after
     ORDER BY o.order_id LIMIT :page
"""
)
_THESE = text(_PAYMENTS + " AND o.order_id = ANY(:ids)")


def suspects(
    stores: Stores,
    stripe: Stripe,
    only: Collection[UUID] | None,
    *,
    since: timedelta,
    currency: str,
    of: int,
    progress: Progress,
) -> Iterator[Finding]:
    """Orders whose payments Stripe tells otherwise, of those placed within ``since``, or ``only`` of some.

    Raises:
        PaymentUnavailable: Stripe does not answer.
    """
    done = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for page in _some(stores, only) if only is not None else _all(stores, since):
            refs = sorted({ref for row in page for ref in (row.external_ref, *row.refs) if ref})
            told = dict(zip(refs, pool.map(lambda ref: _ask(stripe, ref), refs), strict=True))
            for row in page:
                yield from _own(row, told, currency)
                yield from _others(row, told)
            done += len(page)
            progress("payments at Stripe", done, max(of, done))


def _ask(stripe: Stripe, ref: str) -> Taken | None:
    try:
        return stripe.taken(ref)
    except PaymentRefused:
        return None


def _all(stores: Stores, since: timedelta) -> Iterator[Sequence[Any]]:
    after = UUID(int=0)
    while page := stores.db.rows(_AFTER, {"after": after, "since": since, "page": PAGE}):
        yield page
        after = page[-1].order_id


def _some(stores: Stores, only: Collection[UUID]) -> Iterator[Sequence[Any]]:
    rest = iter(only)
    while ids := list(islice(rest, PAGE)):
        yield stores.db.rows(_THESE, {"ids": ids})


def _own(row: Any, told: Mapping[str, Taken | None], currency: str) -> Iterator[Finding]:
    """The order's payment as we hold it, and as Stripe does."""
    if row.external_ref is None:
        return
    taken = told[row.external_ref]

    def found(invariant: str, words: str, remedy: Remedy | None = None, advice: str = "") -> Finding:
        return Finding(
            invariant,
            f"Order {row.number} {words}",
            row.order_id,
            remedy=remedy,
            advice=advice,
            ref=row.external_ref,
        )

    if row.payment not in _HELD:
        if taken and taken.captured_cents > 0:
            yield found(
                "I6",
                f"is {row.status}, but Stripe captured {taken.captured_cents} cents for it",
                Remedy.SETTLE,
            )
        return
    if taken is None:
        yield found(
            "I5", "has a payment that Stripe does not know", advice="Is this the right Stripe account?"
        )
        return
    if (taken.captured_cents, taken.currency) != (row.cents, currency) and _amount_counts(row, taken):
        yield found(
            "I5",
            f"holds {row.cents} {currency} cents as captured, Stripe {taken.captured_cents} {taken.currency}",
            advice=f"Refund it: storefront refund {row.number}",
        )
    back, all_of_it = taken.refunded_cents, taken.captured_cents
    if row.payment == PaymentStatus.CAPTURED and back:
        yield found(
            "I5",
            f"is {row.status}, but Stripe gave {back} of {all_of_it} cents back",
            advice=f"Was it refunded in Stripe's dashboard? Do so here too: storefront refund {row.number}",
        )
    elif row.payment == PaymentStatus.REFUNDED and back != all_of_it:
        yield found(
            "I5",
            f"is refunded, but Stripe gave {back} of {all_of_it} cents back",
            advice="Refund the rest in Stripe's dashboard.",
        )
    elif row.payment == PaymentStatus.REFUNDING and back == all_of_it and row.refused:
        yield found("I5", "has a refund that is done at Stripe, but refused here", Remedy.NOTE_REFUND)
    elif row.payment == PaymentStatus.REFUNDING and row.refused:
        yield found(
            "I5",
            f"is refunded, but Stripe refused to give its {all_of_it} cents back",
            advice="Refund it in Stripe's dashboard or by bank transfer to the shopper, then repair again.",
        )
    elif row.payment == PaymentStatus.REFUNDING and not back:
        yield found("I5", f"is refunded, but Stripe was not asked for its {all_of_it} cents", Remedy.REQUEUE)


def _amount_counts(row: Any, taken: Taken) -> bool:
    """A capture of a wrong amount or currency is on its way back and was told as it is."""
    return bool(row.payment == PaymentStatus.CAPTURED or taken.captured_cents != row.cents)


def _others(row: Any, told: Mapping[str, Taken | None]) -> Iterator[Finding]:
    """Other payment objects of the order: what they took goes back."""
    for ref in sorted(set(row.refs) - {row.external_ref, None}):
        taken = told[ref]
        if taken is None or not taken.captured_cents:
            continue
        if ref not in row.strays:
            words = f"was charged a second time, {taken.captured_cents} cents"
            yield Finding(
                "I6", f"Order {row.number} {words}", row.order_id, remedy=Remedy.NOTE_STRAY, ref=ref
            )
        elif taken.refunded_cents != taken.captured_cents:
            yield Finding(
                "I6",
                f"Order {row.number} was charged a second time, and {taken.refunded_cents} of "
                f"{taken.captured_cents} cents went back",
                row.order_id,
                advice="Is a worker running? Else refund the payment in Stripe's dashboard.",
                ref=ref,
            )
