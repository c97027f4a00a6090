"""A brand's folder is read whole, or everything that is wrong with it is said, with file and place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from storefront.brand.folder import PICTURES, STANDARD, TEXTS, BadBrand, read
from storefront.config import Settings

Change = Callable[[str, str, str], list[str]]


@pytest.fixture
def changed(tmp_path: Path) -> Change:
    """The problems of the standard folder with one passage of one file replaced."""
    folder = tmp_path / "own"
    shutil.copytree(STANDARD, folder)

    def change(name: str, old: str, new: str) -> list[str]:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        try:
            read(folder)
        except BadBrand as error:
            return error.problems
        finally:
            path.write_text(text)
        return []

    return change


def test_the_shop_s_own_folder_is_whole() -> None:
    brand = read(STANDARD)
    assert set(brand.texts) == set(TEXTS)
    assert brand.light["paper"] == "#f9f5ee"
    assert brand.light.keys() == brand.dark.keys()


def test_everything_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadBrand) as told:
        read(tmp_path)
    files = ["brand.toml", *(f"{name}.md" for name in TEXTS)]
    files += [f"{name}.svg" for name in (*PICTURES, "mark", "ornament")]
    assert told.value.problems == [f"{tmp_path / name}: there is no such file" for name in files]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "Larkfield"', "", "name: Field required"),
        ('name = "Larkfield"', 'nmae = "x"\nname = "Larkfield"', "nmae: Extra inputs"),
        ('light = "97.2% 0.011 84"', 'light = "#f9f5ee"', "colours.paper.light: "),
        ('light = "97.2% 0.011 84"', 'light = "101% 0.011 84"', "colours.paper.light: "),
        ("[colours]", '[colours]\nblue = { light = "1% 0 0", dark = "1% 0 0" }', "colours.blue: "),
        ('icon = "truck"', 'icon = "lorry"', "promises.0.icon: "),
        ('email = ""', 'email = "nobody"', "contact.email: "),
        ("[hero]", "[hero", "brand.toml: "),
    ],
)
def test_a_slip_in_the_words_is_told_with_its_place(changed: Change, old: str, new: str, said: str) -> None:
    [problem] = changed("brand.toml", old, new)
    assert "/own/brand.toml: " in problem
    assert said in problem


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("help.md", "# Help", "Help", "the first line is the page's heading"),
        ("help.md", " {#hold}", "", "no heading ends in {#hold}"),
        ("terms.md", "{currency}", "{curency}", "{curency} is none of"),
    ],
)
def test_a_slip_in_a_text_is_told(changed: Change, name: str, old: str, new: str, said: str) -> None:
    [problem] = changed(name, old, new)
    assert f"/own/{name}: " in problem
    assert said in problem


@pytest.mark.parametrize("name", ["mark", "ornament", "icon", "hero", "empty-cart"])
@pytest.mark.parametrize(
    "planted",
    [
        "<script>alert(1)</script>",
        "<g onload='alert(1)'/>",
        "<g OnClick='alert(1)'/>",
        "<image href='https://evil.example/a.png'/>",
        "<use xmlns:x='http://www.w3.org/1999/xlink' x:href='//evil.example/a.svg#a'/>",
        "<a href='javascript:alert(1)'/>",
        "<rect fill='url(https://evil.example/a.svg#a)'/>",
        "<style>@import 'https://evil.example/a.css';</style>",
        "<set attributeName='href' to='javascript:alert(1)'/>",
        "<foreignObject/>",
        "<p xmlns='http://www.w3.org/1999/xhtml'/>",
        "<g>",
    ],
)
def test_a_drawing_that_could_run_or_fetch_is_refused(changed: Change, name: str, planted: str) -> None:
    [problem] = changed(f"{name}.svg", "</svg>", f"{planted}</svg>")
    assert f"/own/{name}.svg: " in problem


def test_a_drawing_with_references_of_its_own_is_taken(changed: Change) -> None:
    assert changed("hero.svg", "</svg>", "<g id='z'/><use href='#z' fill='url(#c1)'/></svg>") == []
    assert changed("mark.svg", "</svg>", "<g id='z'/></svg>") != []
    assert changed("mark.svg", "</svg>", "<g style='fill:red'/></svg>") != []


def test_entities_are_never_opened(changed: Change) -> None:
    [problem] = changed("icon.svg", "<svg", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg')
    assert "a document type" in problem


def test_a_shop_with_a_bad_folder_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"brand\.toml: there is no such file"):
        Settings(brand=str(tmp_path))


def test_the_name_of_the_settings_goes_before_that_of_the_brand() -> None:
    assert Settings().shop_name == Settings().house.words.name
    assert Settings(shop_name="Birch").shop_name == Settings(shop_name="Birch").sender == "Birch"
