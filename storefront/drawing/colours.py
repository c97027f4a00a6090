"""Colours as the style sheet writes them, for what is no style sheet."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

RGB = tuple[int, int, int]


def oklch(lightness: float, chroma: float, hue: float) -> RGB:
    """sRGB, 0 to 255, of an OKLCH colour: lightness in per cent, hue in degrees.

    By https://bottosson.github.io/posts/oklab/; what sRGB can't show is cut off.
    """
    big = lightness / 100
    a, b = chroma * cos(radians(hue)), chroma * sin(radians(hue))
    long = (big + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (big - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (big - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _byte(red), _byte(green), _byte(blue)


def _byte(linear: float) -> int:
    linear = min(1.0, max(0.0, linear))
    curved = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * curved)


@dataclass(frozen=True)
class Palette:
    """The shop's colours, as they are in the light scheme, for what is drawn."""

    paper: RGB
    ink: RGB
    soft: RGB
    line: RGB
    accent: RGB
    trim: RGB
