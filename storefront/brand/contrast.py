"""Whether a brand's colours can be read: WCAG 2.2, 1.4.3 (text) and 1.4.11 (shapes that tell something).

https://www.w3.org/TR/WCAG22/#contrast-minimum
"""

from __future__ import annotations

from collections.abc import Iterator

from storefront.brand.colours import Colours, Name
from storefront.drawing.colours import RGB

TEXT, SHAPE = 4.5, 3.0

USED: tuple[tuple[Name, tuple[Name, ...], float], ...] = (
    ("ink", ("paper", "sheet", "sunk", "wash", "warm-wash"), TEXT),
    ("soft", ("paper", "sheet", "sunk", "wash", "warm-wash"), TEXT),
    ("accent", ("paper", "sheet", "sunk", "wash", "warm-wash"), TEXT),
    ("accent-strong", ("paper", "sheet", "sunk", "wash"), TEXT),
    ("on-accent", ("accent", "accent-strong", "alarm"), TEXT),
    ("warm", ("paper", "sheet", "warm-wash"), TEXT),
    ("alarm", ("paper", "sheet"), TEXT),
    ("on-deep", ("deep",), TEXT),
    ("on-deep-soft", ("deep",), TEXT),
    ("trim", ("deep",), SHAPE),
    ("edge", ("paper", "sheet"), SHAPE),
)
"""Each colour that says something, what it stands on somewhere, and the least contrast of the two."""


def ratio(one: RGB, other: RGB) -> float:
    """From 1, the same, to 21, black on white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: RGB) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def problems(colours: Colours) -> Iterator[str]:
    """Each pair that is too weak in one of the schemes, with what it has and what it needs."""
    for name, grounds, least in USED:
        for ground in grounds:
            front, back = colours.root[name], colours.root[ground]
            for scheme, found in (
                ("light", ratio(front.light.rgb, back.light.rgb)),
                ("dark", ratio(front.dark.rgb, back.dark.rgb)),
            ):
                if found < least:
                    which = f"{name} on {ground}, {scheme}"
                    yield f"{which}: a contrast of {found:.2f}:1, at least {least:g}:1 is needed"
