"""How far a command has come that takes long: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

LINE_SECONDS = 3.0
"""Between two lines where there is no terminal to draw a bar on."""

Show = Callable[[str, float], None]
"""What is being done, in words, and the part of it that is done, 0 to 1."""


@contextmanager
def shown() -> Iterator[Show]:
    """Told on standard error, so that standard output stays the command's answer."""
    if sys.stderr.isatty():
        with tqdm(total=100, leave=False, bar_format="{percentage:3.0f}% |{bar}| {desc} {elapsed}") as bar:

            def draw(words: str, done: float) -> None:
                bar.set_description_str(words, refresh=False)
                bar.n = done * 100
                bar.refresh()

            yield draw
        return
    last = time.monotonic()

    def say(words: str, done: float) -> None:
        nonlocal last
        if done < 1 and time.monotonic() - last >= LINE_SECONDS:
            last = time.monotonic()
            print(f"{words}, {done:.0%}", file=sys.stderr, flush=True)

    yield say
