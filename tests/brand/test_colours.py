"""Colours of a brand, for the style sheet and for programs that don't know OKLCH."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from storefront.brand.colours import Colours, Name

PAIR = {"light": "100% 0 0", "dark": "62.796% 0.25768 29.234"}
ALL = dict.fromkeys(get_args(Name), PAIR)


def test_each_colour_is_a_token_in_both_schemes() -> None:
    colours = Colours.model_validate(ALL)
    assert "--accent-strong: light-dark(oklch(100% 0 0), oklch(62.796% 0.25768 29.234));" in colours.css
    assert colours.css.count("light-dark(") == len(ALL)
    assert (colours.root["ink"].light.hex, colours.root["ink"].dark.hex) == ("#ffffff", "#ff0000")
    assert colours.palette.accent == (255, 255, 255)


def test_one_that_is_missing_is_named() -> None:
    with pytest.raises(ValidationError, match="trim missing"):
        Colours.model_validate({name: pair for name, pair in ALL.items() if name != "trim"})


@pytest.mark.parametrize("told", ["red", "#ff0000", "50% 0.1", "50% 0.1 400", "50% 0.5 40", "50 0.1 40", 7])
def test_what_is_no_colour_is_refused(told: object) -> None:
    with pytest.raises(ValidationError, match=r"97\.2% 0\.011 84|at most"):
        Colours.model_validate(ALL | {"ink": {"light": told, "dark": told}})
