"""Colours that can't be read are found by the rules of WCAG, each pair by its name."""

from __future__ import annotations

import pytest

from storefront.brand.colours import Colours
from storefront.brand.contrast import problems, ratio
from storefront.brand.folder import STANDARD, read


def test_the_ratio_is_that_of_wcag() -> None:
    assert ratio((0, 0, 0), (255, 255, 255)) == ratio((255, 255, 255), (0, 0, 0)) == pytest.approx(21)
    assert ratio((9, 9, 9), (9, 9, 9)) == 1
    # https://webaim.org/resources/contrastchecker/ says 4.54 and 4.48
    assert ratio((0x76, 0x76, 0x76), (255, 255, 255)) == pytest.approx(4.54, abs=0.005)
    assert ratio((0x77, 0x77, 0x77), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)


def test_the_shop_s_own_colours_can_be_read() -> None:
    assert list(problems(read(STANDARD).words.colours)) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_weak_pair_is_told_with_both_names_and_its_scheme(scheme: str) -> None:
    colours = read(STANDARD).words.colours
    same = {scheme: colours.root["on-deep"].light}
    changed = colours.root | {"deep": colours.root["deep"].model_copy(update=same)}
    found = list(problems(Colours.model_construct(root=changed)))
    assert f"on-deep on deep, {scheme}: a contrast of 1.00:1, at least 4.5:1 is needed" in found
    assert all(f"on deep, {scheme}" in one for one in found)
