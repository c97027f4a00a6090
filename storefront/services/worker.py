"""The worker's rounds: what must happen without anybody asking for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from storefront.domain.errors import PaymentUnavailable, ShopError, StoreUnavailable
from storefront.process import Process
from storefront.services import claims, expiry, fulfilment, mail, payments
from storefront.services.retention import Retention
from storefront.stores import Stores

log = structlog.get_logger()

ROUND = 1.0
"""Seconds between two rounds; FAULTS' bounds count on at most two."""

Jobs = tuple[tuple[str, Callable[[Stores], int]], ...]


class Worker:
    """Runs jobs round after round. Any number of workers may run; claims keep them apart."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stopping = threading.Event()
        # Side by side, by whom they wait for: a service that does not answer takes seconds to find out, and
        # no hold may end later for that.
        self._lanes: tuple[Jobs, ...] = (
            (("expire", self._expire),),
            (("settle", self._settle), ("refund", self._refund), ("strays", self._strays)),
            (
                ("ship", self._ship),
                ("project", fulfilment.project),
                ("retention", Retention(process.settings.keep_orders_days)),
            ),
            (
                ("mail", lambda stores: mail.send_due(process, stores)),
                ("outbox", lambda stores: mail.send_outbox(process, stores)),
            ),
        )

    def stop(self) -> None:
        """End after the job at hand. May be called from a signal handler, and more than once."""
        self._stopping.set()

    def run(self) -> None:
        """Rounds until stopped."""
        lanes = [threading.Thread(target=self._rounds, args=(jobs,), name=jobs[0][0]) for jobs in self._lanes]
        for lane in lanes:
            lane.start()
        # The main thread stays free for signals.
        self._stopping.wait()
        for lane in lanes:
            lane.join()

    def round(self) -> int:
        """Every job once; how much was done."""
        return sum(self._round(jobs) for jobs in self._lanes)

    def _rounds(self, jobs: Jobs) -> None:
        """Rounds at most ``ROUND`` seconds apart; at once again while there is work."""
        while not self._stopping.is_set():
            started = time.monotonic()
            worked = self._round(jobs)
            if not worked:
                self._stopping.wait(max(0.05, ROUND - (time.monotonic() - started)))

    def _round(self, jobs: Jobs) -> int:
        """One job's failure keeps no other from its turn."""
        done = 0
        for name, job in jobs:
            if self._stopping.is_set():
                break
            try:
                done += job(self._process.stores())
            except (StoreUnavailable, PaymentUnavailable) as error:
                log.warning("job_postponed", job=name, reason=type(error).__name__)
            except ShopError as error:
                log.warning("job_refused", job=name, reason=repr(error))
            except Exception:
                log.exception("job_failed", job=name)
        return done

    @property
    def _currency(self) -> str:
        return self._process.settings.currency

    def _expire(self, stores: Stores) -> int:
        return expiry.expire_lapsed(stores, self._process.stripe, self._currency)

    def _settle(self, stores: Stores) -> int:
        """Ask Stripe about payments whose webhook may have been lost."""
        with stores.transaction():
            claimed = stores.orders.claim_unsettled(20)
        claims.each(
            stores,
            [order_id for order_id, _ in claimed],
            lambda order_id: payments.settle(stores, self._process.stripe, order_id, self._currency),
        )
        return 0

    def _ship(self, stores: Stores) -> int:
        return fulfilment.write_shipments(stores, self._process.settings.zone)

    def _refund(self, stores: Stores) -> int:
        with stores.transaction():
            claimed = stores.orders.claim_refunding(20, expiry.LEASE)
        refs = {order_id: ref for order_id, ref in claimed if ref is not None}
        claims.each(
            stores,
            refs,
            lambda order_id: payments.finish_refund(stores, self._process.stripe, order_id, refs[order_id]),
        )
        return 0

    def _strays(self, stores: Stores) -> int:
        return payments.finish_strays(stores, self._process.stripe)
