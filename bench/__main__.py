"""All of it, against one shop, into ``results.md``: what the README's figures are taken from."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import growing, importing, placing, searching, starting
from bench.cost import memory_mb
from bench.costs import Bench, table
from bench.shop import bare, running

PRODUCTS = 10_000
RESULTS = Path(__file__).with_name("results.md")


def main() -> None:
    began = os.getloadavg()[0]
    with running(PRODUCTS) as shop, bare(shop) as reference:
        before = sum(map(memory_mb, shop.web))
        lines = table(Bench(shop, reference, PRODUCTS))
        lines += [
            "",
            f"- {starting.report()}",
            f"- Memory of the web processes at rest: {before:.0f} MB. {growing.report(shop, PRODUCTS)}",
            f"- {placing.report(shop)}",
            f"- {importing.report(shop)}",
            f"- {searching.report(shop)}",
        ]
    lines += _worker()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {began:.1f} to {os.getloadavg()[0]:.1f}"
    head = f"""# What the shop costs

`make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine}, {PRODUCTS:,} products.

CPU is that of the web processes a request, as the scheduler counted it; ratios are to the bare pages of
`bench/bare.py` under plain granian in the same run. A goal is the most that something should cost; where a
ratio is above it, that is still to be done.
"""
    RESULTS.write_text("\n".join([head, *lines, ""]))
    print(RESULTS.read_text())


def _worker() -> list[str]:
    """Its rows, from stores of its own, which no other worker tends."""
    told = subprocess.run(
        [sys.executable, "-m", "bench.worker"], stdout=subprocess.PIPE, text=True, check=True
    )
    return [f"- {line}" for line in told.stdout.splitlines() if line.endswith(" a second.")]


main()
