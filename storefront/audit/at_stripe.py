"""The books compared with Stripe's (I5, I6): every payment object that an order ever had, asked one by one.

Like DynamoDB, Stripe is asked without a transaction around it, and what differs counts only if it still does
a worker's round later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from storefront.audit.finding import Finding, Progress, Remedy
from storefront.domain.errors import PaymentRefused
from storefront.domain.payments import PaymentStatus
from storefront.domain.refunds import RefundStatus
from storefront.payments.provider import Charged, RefundState
from storefront.payments.stripe_client import Stripe
from storefront.repositories.aurora.reading import records
from storefront.stores import Stores

AT_ONCE = 8
"""Calls to Stripe under way together; it allows some 100 a second."""
PAGE = 200

_HELD = (PaymentStatus.CAPTURED, PaymentStatus.REFUNDING, PaymentStatus.REFUNDED)

_PAYMENTS = """
    SELECT o.order_id, o.number, o.status, o.total_cents, p.status AS payment, p.external_ref,
           coalesce(e.refs, '{}') AS refs, coalesce(e.duplicates, '{}') AS duplicates,
           coalesce(r.refunds, '[]') AS refunds, e.cents
      FROM orders o JOIN payments p USING (order_id)
      LEFT JOIN LATERAL (
          SELECT array_agg(data ->> 'ref')
                     FILTER (WHERE kind IN ('payment_started', 'stray_capture')) AS refs,
                 array_agg(data ->> 'ref') FILTER (WHERE kind = 'stray_capture') AS duplicates,
                 max(data ->> 'cents') FILTER (WHERE kind IN ('paid', 'paid_late')
                     OR kind = 'refund_due' AND data ->> 'stock' = 'not_taken')::bigint AS cents
            FROM order_events e WHERE e.order_id = o.order_id
      ) e ON true
      LEFT JOIN LATERAL (
          SELECT jsonb_agg(jsonb_build_object('refund_id', refund_id, 'cents', cents,
                                              'status', status, 'ref', external_ref)) AS refunds
            FROM refunds r WHERE r.order_id = o.order_id AND r.cents > 0
      ) r ON true
     WHERE p.provider = 'stripe' AND (p.external_ref IS NOT NULL OR e.refs IS NOT NULL)
"""
_AFTER = text(
    _PAYMENTS
    + """
       AND (o.created_at > now() - CAST(:since AS interval) OR p.status = 'refunding'
            OR EXISTS (SELECT FROM refunds f WHERE f.order_id = o.order_id AND f.status <> 'done'))
       AND o.order_id > :after
     ORDER BY o.order_id LIMIT :page
"""
)
_THESE = text(_PAYMENTS + " AND o.order_id = ANY(:ids)")


class Decided(NamedTuple):
    """A refund as Aurora holds it; ``ref`` is Stripe's id of it, once known."""

    refund_id: str
    cents: int
    status: RefundStatus
    ref: str | None

    @classmethod
    def of(cls, told: Mapping[str, str | int | None]) -> Decided:
        return cls(
            refund_id=str(told["refund_id"]),
            cents=int(told["cents"] or 0),
            status=RefundStatus(str(told["status"])),
            ref=None if told["ref"] is None else str(told["ref"]),
        )

    def among(self, charged: Charged) -> bool:
        """Whether Stripe has it, by its id or ours, and has not failed at it."""
        return any(
            given.ref == self.ref or given.refund_id == self.refund_id
            for given in charged.refunds
            if given.state is not RefundState.REFUSED
        )


class Books(NamedTuple):
    """What Aurora holds of an order's payment, amounts in cents.

    ``external_ref`` is the payment object in force, ``refs`` every other that events name, ``duplicates``
    those among them that are noted as second captures.
    """

    order_id: UUID
    number: str
    status: str
    total_cents: int
    payment: str
    external_ref: str | None
    refs: Sequence[str | None]
    duplicates: Sequence[str | None]
    refunds: Sequence[Mapping[str, str | int | None]]
    cents: int | None

    @property
    def decided(self) -> list[Decided]:
        return [Decided.of(refund) for refund in self.refunds]

    def found(
        self, invariant: str, words: str, ref: str, remedy: Remedy | None = None, advice: str = ""
    ) -> Finding:
        return Finding(
            invariant, f"Order {self.number} {words}", self.order_id, remedy=remedy, advice=advice, ref=ref
        )


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
            refs = sorted({ref for books in page for ref in (books.external_ref, *books.refs) if ref})
            told = dict(zip(refs, pool.map(lambda ref: _ask(stripe, ref), refs), strict=True))
            for books in page:
                yield from _own(books, told, currency)
                yield from _others(books, told)
            done += len(page)
            progress("payments at Stripe", done, max(of, done))


def _ask(stripe: Stripe, ref: str) -> Charged | None:
    try:
        return stripe.charged(ref)
    except PaymentRefused:
        return None


def _all(stores: Stores, since: timedelta) -> Iterator[Sequence[Books]]:
    after = UUID(int=0)
    while page := records(Books, stores.db.rows(_AFTER, {"after": after, "since": since, "page": PAGE})):
        yield page
        after = page[-1].order_id


def _some(stores: Stores, only: Collection[UUID]) -> Iterator[Sequence[Books]]:
    rest = iter(only)
    while ids := list(islice(rest, PAGE)):
        yield records(Books, stores.db.rows(_THESE, {"ids": ids}))


def _own(books: Books, told: Mapping[str, Charged | None], currency: str) -> Iterator[Finding]:
    """The order's payment as we hold it, and as Stripe does."""
    ref = books.external_ref
    if ref is None:
        return
    charged = told[ref]
    if books.payment not in _HELD:
        if charged and charged.captured_cents > 0:
            yield books.found(
                "I6",
                f"is {books.status}, but Stripe captured {charged.captured_cents} cents for it",
                ref,
                Remedy.SETTLE,
            )
    elif charged is None:
        yield books.found(
            "I5", "has a payment that Stripe does not know", ref, advice="Is this the right Stripe account?"
        )
    else:
        yield from _captured(books, ref, charged, currency)
        yield from _refunded(books, ref, charged)


def _captured(books: Books, ref: str, charged: Charged, currency: str) -> Iterator[Finding]:
    same = (charged.captured_cents, charged.currency) == (books.cents, currency)
    # A capture of a wrong amount or currency is on its way back and was told as it is.
    counts = books.payment == PaymentStatus.CAPTURED or charged.captured_cents != books.cents
    if counts and not same:
        yield books.found(
            "I5",
            f"holds {books.cents} {currency} cents as captured, "
            f"Stripe {charged.captured_cents} {charged.currency}",
            ref,
            advice=f"Refund it: storefront refund {books.number}",
        )


def _refunded(books: Books, ref: str, charged: Charged) -> Iterator[Finding]:
    """What Stripe gave back is the sum of the refunds that are done, each found by its id."""
    back, all_of_it = charged.refunded_cents, charged.captured_cents
    refused = [one for one in books.decided if one.status is RefundStatus.REFUSED]
    unasked = [one for one in books.decided if one.status is RefundStatus.DUE and not one.among(charged)]
    lost = [one for one in books.decided if one.status is RefundStatus.DONE and not one.among(charged)]
    known = sum(one.cents for one in books.decided if one.among(charged))
    if refused:
        yield _refused(books, refused, ref, charged)
    elif lost:
        yield books.found(
            "I5",
            f"has {_cents(lost)} cents told as refunded that Stripe did not give back: {back} of {all_of_it}",
            ref,
            advice="Refund them in Stripe's dashboard.",
        )
    elif unasked:
        yield books.found(
            "I5",
            f"has a refund of {_cents(unasked)} cents that Stripe was not asked for",
            ref,
            Remedy.REQUEUE,
        )
    elif back != known:
        yield books.found(
            "I5",
            f"is {books.status}, but Stripe gave {back} of {all_of_it} cents back, not {known}",
            ref,
            advice="Was it refunded in Stripe's dashboard? Do so here too, then repair: "
            f"storefront refund {books.number}",
        )


def _refused(books: Books, refused: Sequence[Decided], ref: str, charged: Charged) -> Finding:
    """Refunds that Stripe refused: an operator's, until Stripe has given as much back after all."""
    if charged.refunded_cents >= _cents(books.decided):
        return books.found(
            "I5", "has a refund that is done at Stripe, but refused here", ref, Remedy.NOTE_REFUND
        )
    return books.found(
        "I5",
        f"has a refund of {_cents(refused)} cents that Stripe refused",
        ref,
        advice="Refund it in Stripe's dashboard or by bank transfer to the shopper, then repair again.",
    )


def _cents(refunds: Sequence[Decided]) -> int:
    return sum(one.cents for one in refunds)


def _others(books: Books, told: Mapping[str, Charged | None]) -> Iterator[Finding]:
    """Other payment objects of the order: what they took goes back."""
    for ref in sorted(ref for ref in set(books.refs) if ref and ref != books.external_ref):
        charged = told[ref]
        if charged is None or not charged.captured_cents:
            continue
        back, all_of_it = charged.refunded_cents, charged.captured_cents
        if ref not in books.duplicates:
            words = f"was charged a second time, {all_of_it} cents"
            yield books.found("I6", words, ref, Remedy.NOTE_DUPLICATE)
        elif back != all_of_it:
            yield books.found(
                "I6",
                f"was charged a second time, and {back} of {all_of_it} cents went back",
                ref,
                advice="Is a worker running? Else refund the payment in Stripe's dashboard.",
            )
