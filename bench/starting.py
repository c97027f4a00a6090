"""How long a shop takes until it answers: with stores yet to be made, and with those of the time before."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.shop import started


def report() -> str:
    with tempfile.TemporaryDirectory(prefix="storefront-bench-") as folder:
        seconds = []
        for _ in range(2):
            with started(Path(folder) / "data") as shop:
                seconds.append(shop.seconds_to_ready)
    new, again = seconds
    return f"Started with new stores in {new:.1f} s, once they are there in {again:.1f} s."
