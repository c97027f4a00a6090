"""The colours of a brand: OKLCH in light and in dark, as the style sheet and mails need them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, RootModel, model_validator

from storefront.drawing.colours import RGB, Palette, oklch

_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)% (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)")
MOST_CHROMA = 0.4
"""More than any screen shows."""


@dataclass(frozen=True)
class Colour:
    """OKLCH: lightness in per cent, hue in degrees."""

    lightness: float
    chroma: float
    hue: float

    @property
    def css(self) -> str:
        return f"oklch({self.lightness:g}% {self.chroma:g} {self.hue:g})"

    @property
    def rgb(self) -> RGB:
        return oklch(self.lightness, self.chroma, self.hue)

    @property
    def hex(self) -> str:
        """For programs that don't know OKLCH, as those that read mail."""
        return "#{:02x}{:02x}{:02x}".format(*self.rgb)


def _colour(told: object) -> Colour:
    found = _WRITTEN.fullmatch(told.strip()) if isinstance(told, str) else None
    if not found:
        raise ValueError(f'{told!r} is not a colour such as "97.2% 0.011 84" (lightness, chroma, hue)')
    lightness, chroma, hue = map(float, found.groups())
    if lightness > 100 or chroma > MOST_CHROMA or hue > 360:
        raise ValueError(f"{told!r}: at most 100% lightness, {MOST_CHROMA} chroma and 360 degrees of hue")
    return Colour(lightness, chroma, hue)


class Pair(BaseModel):
    """One colour in both schemes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    light: Annotated[Colour, BeforeValidator(_colour)]
    dark: Annotated[Colour, BeforeValidator(_colour)]


Name = Literal[
    "paper", "sheet", "sunk", "ink", "soft", "line", "edge", "accent", "accent-strong", "on-accent",
    "wash", "warm", "warm-wash", "alarm", "trim", "deep", "on-deep", "on-deep-soft", "picture",
]  # fmt: skip
"""The style sheet's tokens; brand/brand.toml says what each is for."""


DRAWN: tuple[Name, ...] = ("paper", "ink", "soft", "line", "accent", "trim")


class Colours(RootModel[dict[Name, Pair]]):
    """Every token by its name."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := [name for name in get_args(Name) if name not in self.root]:
            raise ValueError(f"{', '.join(missing)} missing")
        return self

    @property
    def palette(self) -> Palette:
        """For what is drawn once for both schemes."""
        return Palette(**{name: self.root[name].light.rgb for name in DRAWN})

    @property
    def css(self) -> str:
        """The tokens as a part of the style sheet."""
        tokens = (
            f"    --{name}: light-dark({pair.light.css}, {pair.dark.css});\n"
            for name, pair in self.root.items()
        )
        return f"@layer tokens {{\n  :root {{\n{''.join(tokens)}  }}\n}}\n"
