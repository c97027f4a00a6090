"""The worker's rounds: what must happen without anybody asking for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

import structlog

from storefront.domain.errors import PaymentUnavailable, ShopError, StoreUnavailable
from storefront.process import Process
from storefront.services import (
    attention,
    carrier_events,
    catalog_counts,
    fulfilment,
    holds,
    leases,
    mail,
)
from storefront.services.abandoned import Tidying
from storefront.services.heartbeat import Heartbeat
from storefront.services.payments import paying_back, settlement
from storefront.services.retention import Retention
from storefront.stores import Stores

log = structlog.get_logger()

ROUND = 1.0
"""Seconds between two rounds; what must be done within a round (I15) is done within two of them."""


class Job(NamedTuple):
    name: str
    run: Callable[[Stores], int]
    """Takes a fresh set of stores; how much was done, so that more may be waiting."""


class Lane(NamedTuple):
    """Jobs that take turns in one thread."""

    name: str
    jobs: tuple[Job, ...]


class Worker:
    """Runs jobs round after round. Any number of workers may run; claims keep them apart."""

    def __init__(self, process: Process, *, without: Collection[str] = ()) -> None:
        """``without`` names lanes that are left to other workers."""
        self._process = process
        self._stopping = threading.Event()
        self._lanes = [lane for lane in self._all_lanes() if lane.name not in without]
        self.heartbeat = Heartbeat(lane.name for lane in self._lanes)

    def _all_lanes(self) -> tuple[Lane, ...]:
        """Side by side, by whom they wait for.

        A service that does not answer takes seconds to find out, and no hold may end later for that.
        """
        process = self._process
        return (
            Lane("holds", (Job("expire", self._expire),)),
            Lane(
                "payments",
                (
                    Job("settle", self._settle),
                    Job("refund", self._refund),
                    Job("duplicate_captures", self._duplicates),
                ),
            ),
            Lane(
                "deliveries",
                (
                    Job("ship", self._ship),
                    Job("project", fulfilment.project),
                    Job("counts", catalog_counts.fold),
                    Job("look_again", fulfilment.look_again),
                    Job("inbox", carrier_events.tend_inbox),
                    Job("retention", Retention(process.settings.keep_orders_days)),
                    Job("tidy", Tidying()),
                ),
            ),
            Lane(
                "mail",
                (
                    Job("mail", lambda stores: mail.send_due(process, stores)),
                    Job("outbox", lambda stores: mail.send_outbox(process, stores)),
                    Job("attention", lambda stores: attention.mail_operator(process, stores)),
                ),
            ),
        )

    def stop(self) -> None:
        """End after the order at hand, and give back those that wait for their turn.

        May be called from a signal handler, and more than once.
        """
        self._stopping.set()

    def run(self) -> None:
        """Rounds until stopped."""
        threads = [
            threading.Thread(target=self._rounds, args=(lane,), name=lane.name) for lane in self._lanes
        ]
        for thread in threads:
            thread.start()
        # The main thread stays free for signals.
        self._stopping.wait()
        for thread in threads:
            thread.join()

    def round(self) -> int:
        """Every job once; how much was done."""
        return sum(self._round(lane) for lane in self._lanes)

    def _rounds(self, lane: Lane) -> None:
        """Rounds at most ``ROUND`` seconds apart; at once again while there is work."""
        while not self._stopping.is_set():
            started = time.monotonic()
            if not self._round(lane):
                self._stopping.wait(max(0.05, ROUND - (time.monotonic() - started)))

    def _round(self, lane: Lane) -> int:
        """One job's failure keeps no other from its turn."""
        done = 0
        for job in lane.jobs:
            if self._stopping.is_set():
                break
            about = log.bind(lane=lane.name, job=job.name)
            try:
                done += job.run(self._process.stores(self._stopping.is_set))
            except (StoreUnavailable, PaymentUnavailable) as error:
                code = getattr(error, "code", "")
                about.warning("job_postponed", error=type(error).__name__, code=code)
            except ShopError as error:
                about.warning("job_refused", error=repr(error))
            except Exception:
                about.exception("job_failed")
        self.heartbeat.beat(lane.name)
        return done

    def _expire(self, stores: Stores) -> int:
        return holds.expire_lapsed(stores, self._process.stripe)

    def _settle(self, stores: Stores) -> int:
        """Ask Stripe about payments whose webhook may have been lost."""
        with stores.transaction():
            claimed = stores.order_queues.claim_unsettled(20)
        leases.each(
            stores,
            [claim.order_id for claim in claimed],
            lambda order_id: settlement.settle(stores, self._process.stripe, stores.orders.summary(order_id)),
        )
        return 0

    def _ship(self, stores: Stores) -> int:
        return fulfilment.write_shipments(stores)

    def _refund(self, stores: Stores) -> int:
        with stores.transaction():
            claimed = stores.order_queues.claim_refunding(20, holds.LEASE)
        leases.each(
            stores,
            [claim.order_id for claim in claimed],
            lambda order_id: paying_back.finish(stores, self._process.stripe, order_id),
        )
        return 0

    def _duplicates(self, stores: Stores) -> int:
        return paying_back.refund_duplicates(stores, self._process.stripe)
