"""Stripe's form encoding with brackets, and typed reading of it with Stripe's complaints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from .errors import bad_param, missing

MAX_DEPTH = 8
INTEGER = re.compile(r"-?[0-9]{1,18}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def nest(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """``a[b][0]=x`` to ``{"a": {"b": ["x"]}}``; lists come as ``a[0]`` or ``a[]``."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        head, *rest = re.split(r"\]?\[", key.removesuffix("]")) if "[" in key else [key]
        path = [head, *rest]
        if len(path) > MAX_DEPTH:
            raise bad_param("Invalid request: parameters are nested too deeply.", head)
        node = root
        for part, following in pairwise(path):
            node = node.setdefault(part or str(len(node)), {})
            if not isinstance(node, dict):
                raise bad_param(f"Invalid {following} in {key}.", head)
        last = path[-1] or str(len(node))
        if isinstance(node.get(last), dict):
            raise bad_param("Invalid object", head)
        node[last] = value
    return {name: _lists(value) for name, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(item) for name, item in value.items()}
    if inner and all(name.isascii() and name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


class Params:
    """One level of parameters. An empty string counts as absent, as Stripe unsets by it."""

    def __init__(self, values: dict[str, Any], prefix: str = "") -> None:
        self.values = values
        self.prefix = prefix

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) not in (None, "", {})

    def named(self, name: str) -> str:
        return f"{self.prefix}[{name}]" if self.prefix else name

    def only(self, names: str) -> None:
        """Refuse parameters other than ``names`` (separated by spaces), as Stripe does."""
        unknown = sorted(set(self.values) - set(names.split()))
        if unknown:
            param = self.named(unknown[0])
            raise bad_param(f"Received unknown parameter: {param}", param, "parameter_unknown")

    def text(self, name: str, longest: int = 5000) -> str | None:
        if name not in self:
            return None
        value = self.values[name]
        if not isinstance(value, str):
            raise bad_param("Invalid string", self.named(name))
        if len(value) > longest:
            raise bad_param(
                f"Invalid string: {value[:10]}...; must be at most {longest} characters", self.named(name)
            )
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise missing(self.named(name))
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not INTEGER.fullmatch(value):
            raise bad_param(f"Invalid integer: {value}", self.named(name), "parameter_invalid_integer")
        return int(value)

    def flag(self, name: str) -> bool:
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise bad_param(f"Invalid boolean: {value}", self.named(name))
        return value == "true"

    def choice(self, name: str, choices: str) -> str | None:
        value = self.text(name)
        allowed = choices.split()
        if value is not None and value not in allowed:
            listed = ", ".join(allowed[:-1]) + f" or {allowed[-1]}" if len(allowed) > 1 else allowed[0]
            raise bad_param(f"Invalid {name}: must be one of {listed}", self.named(name))
        return value

    def email(self, name: str) -> str | None:
        value = self.text(name, 512)
        if value is not None and not EMAIL.fullmatch(value):
            raise bad_param(f"Invalid email address: {value}", self.named(name), "email_invalid")
        return value

    def url(self, name: str) -> str | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and value.isprintable()
        except ValueError:
            valid = False
        if not valid or " " in value:
            raise bad_param("Not a valid URL", self.named(name), "url_invalid")
        return value

    def group(self, name: str) -> Params:
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise bad_param("Invalid object", self.named(name))
        return Params(value, self.named(name))

    def groups(self, name: str) -> list[Params]:
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise bad_param("Invalid array", self.named(name))
        return [Params(item, f"{self.named(name)}[{index}]") for index, item in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        value = self.values.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise bad_param("Invalid array", self.named(name))
        return value

    def metadata(self) -> dict[str, str]:
        """Limits: https://docs.stripe.com/api/metadata (50 keys, 40 and 500 characters)."""
        data = self.group("metadata").values
        if len(data) > 50:
            raise bad_param("Metadata can have up to 50 keys.", self.named("metadata"))
        for key, value in data.items():
            if not isinstance(value, str):
                raise bad_param("Metadata values must be strings.", self.named("metadata"))
            if len(key) > 40 or len(value) > 500:
                raise bad_param(
                    "Metadata keys can have up to 40 characters, values up to 500.", self.named("metadata")
                )
        return {key: value for key, value in data.items() if value != ""}
