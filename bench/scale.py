"""What more orders a second need, from ``measured.toml``: ``python -m bench.scale`` prints the tables."""

from __future__ import annotations

import math
import tomllib

from bench.purchase import MEASURED

ORDERS = (100, 1_000, 10_000)
BUSY = 0.6
"""How much of a CPU is used on average, so that peaks find room."""

# As deploy/cost.toml assumes: pages of an order, and how many of them a CDN doesn't have.
PAGES, MISSED = 60, 0.1
CONNECTIONS_OF_A_TASK, CONNECTIONS_OF_A_WORKER = 16, 8
"""Processes x threads x (writer and reader); a worker's four lanes likewise."""

# AWS's and Stripe's figures as published and known at the start of 2026. Ask for the account's own.
VCPU_OF_AN_ACU = 0.25
MOST_ACUS, MOST_CONNECTIONS = 256, 5_000
WRITES_OF_A_PARTITION, READS_OF_A_PARTITION, WRITES_OF_A_TABLE = 1_000, 3_000, 40_000
STRIPE_CALLS = 100
"""A second, in live mode, before one asks for more."""

# Assumed of Aurora in one zone: a statement's way there and back, and a commit in four of six copies.
ROUND_TRIP_MS, COMMIT_MS = 0.5, 3.0

Measured = dict[str, float]


def measured() -> Measured:
    found: Measured = tomllib.loads(MEASURED.read_text())
    return found


def web_ms(one: Measured) -> float:
    """CPU of web processes for an order: its own requests, and the pages that no cache had."""
    own = sum(one[f"{step}_ms"] for step in ("cart", "checkout", "place", "pay"))
    return own + PAGES * MISSED * one["page_ms"]


def locked_ms(one: Measured) -> float:
    """How long an order keeps others off the row of its product's stock, when placed and when paid."""
    return one["locked"] * ROUND_TRIP_MS + one["locks"] * COMMIT_MS


def needs(one: Measured, orders: int) -> dict[str, int]:
    """Of so many orders a second."""

    def cpus(milliseconds: float) -> int:
        return math.ceil(orders * milliseconds / 1000 / BUSY)

    web, worker = cpus(web_ms(one)), cpus(one["worker_ms"])
    writes, reads = orders * one["writes"], orders * one["reads"]
    return {
        "web tasks of one vCPU": web,
        "worker tasks of one vCPU": worker,
        "statements a second": math.ceil(orders * (one["statements"])),
        "Aurora's capacity units": math.ceil(orders * one["database_ms"] / 1000 / BUSY / VCPU_OF_AN_ACU),
        "connections to Aurora": web * CONNECTIONS_OF_A_TASK + worker * CONNECTIONS_OF_A_WORKER,
        "DynamoDB, units written a second": math.ceil(writes),
        "DynamoDB, units read a second": math.ceil(reads),
        "DynamoDB, partitions": math.ceil(max(writes / WRITES_OF_A_PARTITION, reads / READS_OF_A_PARTITION)),
        "calls to Stripe a second": math.ceil(orders * one["stripe"]),
    }


def limits(one: Measured) -> dict[str, float]:
    """Orders a second at which something can't be bought more of, as the shop is built."""
    an_order = web_ms(one) * CONNECTIONS_OF_A_TASK + one["worker_ms"] * CONNECTIONS_OF_A_WORKER
    return {
        f"Stripe's {STRIPE_CALLS} calls a second": STRIPE_CALLS / one["stripe"],
        "one product's row of stock": 1000 / locked_ms(one),
        f"Aurora's {MOST_CONNECTIONS:,} connections": MOST_CONNECTIONS / (an_order / 1000 / BUSY),
        f"one writer of {MOST_ACUS} capacity units": MOST_ACUS
        * VCPU_OF_AN_ACU
        * BUSY
        / one["database_ms"]
        * 1000,
        f"DynamoDB's {WRITES_OF_A_TABLE:,} units written": WRITES_OF_A_TABLE / one["writes"],
    }


def tables(one: Measured) -> str:
    """In Markdown."""
    columns = [needs(one, orders) for orders in ORDERS]
    lines = [
        f"| orders a second | {' | '.join(f'{orders:,}' for orders in ORDERS)} |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {what} | {' | '.join(f'{column[what]:,}' for column in columns)} |" for what in columns[0]]
    lines += ["", "| what gives | at orders a second |", "| --- | ---: |"]
    lines += [
        f"| {what} | {most:,.0f} |" for what, most in sorted(limits(one).items(), key=lambda pair: pair[1])
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables(measured()))
