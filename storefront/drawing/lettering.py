"""Letters in drawn pictures: DejaVu Serif, which has Latin, Greek and Cyrillic ones (DejaVuSerif.txt)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageFont

_FILE = Path(__file__).with_name("DejaVuSerif.ttf")
_MISSING = "\uffff"


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """``size`` in pixels."""
    return ImageFont.truetype(_FILE, size)


def can_write(text: str) -> bool:
    """Whether every letter is there: a row of boxes in the place of a name is worse than none."""
    return all(letter.isspace() or _has(letter) for letter in text)


@cache
def _missing() -> bytes:
    return bytes(font(32).getmask(_MISSING))


def _has(letter: str) -> bool:
    return bytes(font(32).getmask(letter)) != _missing()


def lines(text: str, size: int, width: int, most: int) -> list[str]:
    """A text in lines of at most ``width`` pixels, cut off after ``most`` of them, with an ellipsis."""
    letters, found, rest = font(size), [""], text.split()
    while rest:
        word = rest.pop(0)
        longer = f"{found[-1]} {word}".strip()
        if letters.getlength(longer) <= width:
            found[-1] = longer
        elif letters.getlength(word) > width:
            # A word longer than a line is broken where the line ends.
            fits = next(n for n in range(len(word), 0, -1) if n == 1 or letters.getlength(word[:n]) <= width)
            found += [word[:fits]] if found[-1] else []
            found[-1] = found[-1] or word[:fits]
            rest.insert(0, word[fits:]) if word[fits:] else None
        else:
            found.append(word)
        if len(found) > most:
            return [*found[: most - 1], _cut(found[most - 1], letters, width)]
    return found


def _cut(line: str, letters: ImageFont.FreeTypeFont, width: int) -> str:
    while line and letters.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line.rstrip()}…"
