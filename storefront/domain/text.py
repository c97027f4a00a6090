"""Text that others shall be able to read."""

from __future__ import annotations

import re

# All that is no Char of XML 1.0 (https://www.w3.org/TR/xml/#charsets), and the C1 controls.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """Without control characters and what is no character at all."""
    return _UNREADABLE.sub("", text)


def shortened(text: str, most: int) -> str:
    """At most so many characters, cut between two words where there are any, with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip() + "…"
