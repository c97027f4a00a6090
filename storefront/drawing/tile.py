"""The picture of a product that has none: a shelf in its category's tint, a label with its initial.

The same that ``static/css/tiles.css`` draws on pages, for those who ask for a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw

from storefront.drawing.colours import RGB, oklch
from storefront.drawing.lettering import can_write, font

SIZE = 800
FINER = 2
"""Drawn so many times larger, for smooth edges."""
HUES = (150, 235, 35, 95, 195, 65, 300, 120)
"""Of the tints, as in tiles.css."""
LABELS = 4

_LABEL = oklch(98, 0.009, 84)


@dataclass(frozen=True)
class Tile:
    """What such a picture depends on: the tint's place among ``HUES``, the label's shape, one letter."""

    tint: int
    label: int
    letter: str

    def draw(self, size: int = SIZE) -> Image.Image:
        """Square, ``size`` pixels wide."""
        whole = size * FINER
        hue = HUES[self.tint]
        image = Image.new("RGB", (whole, whole), oklch(92.2, 0.017, hue))
        draw = ImageDraw.Draw(image)
        light = oklch(95.3, 0.011, hue)
        for begin, end in ((0.2, 0.4), (0.47, 0.53)):
            draw.polygon(_stripe(begin, end, whole), fill=light)
        draw.rectangle((0, round(0.735 * whole), whole, whole), fill=oklch(85.5, 0.024, hue))
        self._draw_label(draw, whole, hue)
        return image.resize((size, size), Image.Resampling.LANCZOS)

    def png(self) -> bytes:
        return png(self.draw())

    def _draw_label(self, draw: ImageDraw.ImageDraw, whole: int, hue: float) -> None:
        width, height, bottom = (
            (0.44, 0.56, 0.19),
            (0.44, 0.56, 0.19),
            (0.52, 0.52, 0.24),
            (0.56, 0.44, 0.19),
        )[self.label]
        left, top = (1 - width) / 2 * whole, (1 - bottom - height) * whole
        box = (left, top, left + width * whole, top + height * whole)
        shadow = 0.012 * whole
        self._shape(draw, (box[0], box[1] + shadow, box[2], box[3] + shadow), whole, oklch(78, 0.035, hue))
        self._shape(draw, box, whole, _LABEL)
        inset = 0.011 * whole
        inner = (box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset)
        self._shape(draw, inner, whole, None, outline=oklch(62, 0.06, hue), width=round(0.005 * whole))
        if can_write(self.letter):
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            letter = font(round(0.25 * whole))
            draw.text(middle, self.letter, fill=oklch(38, 0.055, hue), font=letter, anchor="mm")

    def _shape(
        self,
        draw: ImageDraw.ImageDraw,
        box: tuple[float, float, float, float],
        whole: int,
        fill: RGB | None,
        outline: RGB | None = None,
        width: int = 1,
    ) -> None:
        if self.label == 2:
            draw.ellipse(box, fill=fill, outline=outline, width=width)
            return
        arch = self.label == 1
        radius = (box[2] - box[0]) // 2 - 1 if arch else 0.015 * whole
        corners = (True, True, not arch, not arch)
        draw.rounded_rectangle(box, radius, fill=fill, outline=outline, width=width, corners=corners)


def _stripe(begin: float, end: float, whole: int) -> list[tuple[float, float]]:
    """A stripe across, from and to these parts of the diagonal."""
    return [(2 * begin * whole, 0), (2 * end * whole, 0), (0, 2 * end * whole), (0, 2 * begin * whole)]


def png(image: Image.Image) -> bytes:
    """With few colours, since they are few: a third of the bytes."""
    written = BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()
