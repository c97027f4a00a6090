"""Collaborators that do something else than the shop's own, given where the shop's own would be."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TypeVar

T = TypeVar("T")


def otherwise(original: T, **calls: Callable[..., object]) -> T:
    """A copy that answers these calls otherwise. The original, which others may hold, stays as it is."""
    unknown = [name for name in calls if not hasattr(original, name)]
    assert not unknown, f"{type(original).__name__} has no {unknown}"
    other = copy(original)
    vars(other).update(calls)
    return other
