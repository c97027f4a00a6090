"""Reads the folder that STOREFRONT_BRAND names: brand.toml, four texts in Markdown, drawings in SVG."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from xml.etree.ElementTree import Element

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from storefront.brand import drawings, texts
from storefront.brand.colours import Colours
from storefront.brand.texts import Text

STANDARD = Path(__file__).parents[2] / "brand"
TEXTS = ("help", "returns", "privacy", "terms")
PICTURES = ("icon", "hero", "empty-cart")
"""Served as files; ``mark`` and ``ornament`` stand in the pages themselves."""
HELP_ANCHOR = "hold"
MARK_SIZE = 38
"""In pixels, square, beside the name."""

Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Passage = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=800)]
Read = TypeVar("Read")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Contact(_Part):
    """Empty: the shop's name, the address that mails come from."""

    sender: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""
    email: Annotated[str, StringConstraints(pattern=r"^([^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+)?$")] = ""


class Hero(_Part):
    title: Line
    lede: Passage


class Promise(_Part):
    icon: Literal["truck", "tag", "hand", "clock", "parcel", "house", "card", "letter", "help", "check"]
    title: Short
    text: Line


class Pledge(_Part):
    title: Line
    text: Passage
    link: Short


class Words(_Part):
    """What brand.toml says."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    line: Short
    description: Line
    foot: Passage
    carrier: Short
    departments: tuple[str, ...] = ()
    contact: Contact = Contact()
    hero: Hero
    promises: Annotated[tuple[Promise, ...], Field(min_length=1, max_length=3)]
    pledge: Pledge
    colours: Colours

    @field_validator("name", "line", "carrier")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("it holds control characters or line breaks")
        return value


@dataclass(frozen=True)
class Brand:
    """A whole folder, as pages, mails and drawings use it."""

    folder: Path
    words: Words
    texts: dict[str, Text]
    mark: Markup
    ornament: Markup

    @cached_property
    def light(self) -> dict[str, str]:
        """Each colour as #rrggbb."""
        return {name.replace("-", "_"): pair.light.hex for name, pair in self.words.colours.root.items()}

    @cached_property
    def dark(self) -> dict[str, str]:
        return {name.replace("-", "_"): pair.dark.hex for name, pair in self.words.colours.root.items()}

    def picture(self, name: str) -> Path:
        """The file of one of ``PICTURES``."""
        return self.folder / f"{name}.svg"


class BadBrand(ValueError):
    """The folder can't be used; ``problems`` says which file, where in it, and why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read(folder: Path) -> Brand:
    """The brand of a folder.

    Raises:
        BadBrand: with all that is missing, unreadable, unknown or unsafe.
    """
    problems: list[str] = []

    def attempt(name: str, what: Callable[[Path], Read]) -> Read | None:
        try:
            return what(folder / name)
        except ValidationError as error:
            problems.extend(f"{folder / name}: {_where(one['loc'])}: {one['msg']}" for one in error.errors())
        except FileNotFoundError:
            problems.append(f"{folder / name}: there is no such file")
        except (OSError, ValueError) as error:
            problems.append(f"{folder / name}: {error}")
        return None

    words = attempt("brand.toml", _words)
    pages = {name: attempt(f"{name}.md", _text) for name in TEXTS}
    for name in PICTURES:
        attempt(f"{name}.svg", drawings.read)
    mark = attempt("mark.svg", lambda path: drawings.inline(_sized(path), "mark"))
    ornament = attempt("ornament.svg", lambda path: drawings.inline(drawings.read(path), "ornament"))
    if problems or words is None or mark is None or ornament is None:
        raise BadBrand(problems)
    return Brand(folder, words, {name: page for name, page in pages.items() if page}, mark, ornament)


@lru_cache(maxsize=16)
def of(folder: Path) -> Brand:
    """As ``read``, once for each folder: a change shows after a restart."""
    return read(folder)


def _words(path: Path) -> Words:
    return Words.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def _text(path: Path) -> Text:
    found = texts.read(path.read_text(encoding="utf-8"))
    if path.stem == "help" and HELP_ANCHOR not in found.anchors:
        raise ValueError(f"no heading ends in {{#{HELP_ANCHOR}}}, to which the home page leads")
    return found


def _sized(path: Path) -> Element:
    root = drawings.read(path)
    root.set("width", str(MARK_SIZE))
    root.set("height", str(MARK_SIZE))
    return root


def _where(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc if part != "[key]") or "the file"
