"""How a resource declares its calls: ``@routes.post("/v1/refunds")`` on a function of a Call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import bad_param
from .params import Params
from .render import list_of, public
from .store import Doc, Tx


@dataclass(frozen=True)
class Call:
    """One API request inside its transaction."""

    tx: Tx
    params: Params
    path: str
    version: str
    """The ``Stripe-Version`` the library asked for, such as 2026-10-28.endive."""


Handler = Callable[..., Doc]


class Routes:
    def __init__(self) -> None:
        self.all: list[tuple[str, str, Handler]] = []

    def _add(self, method: str, rule: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.all.append((method, rule, handler))
            return handler

        return register

    def get(self, rule: str) -> Callable[[Handler], Handler]:
        return self._add("GET", rule)

    def post(self, rule: str) -> Callable[[Handler], Handler]:
        return self._add("POST", rule)

    def delete(self, rule: str) -> Callable[[Handler], Handler]:
        return self._add("DELETE", rule)


OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def listing(call: Call, kind: str, filters: str = "", **equal: str) -> Doc:
    """A page of ``kind``, newest first, narrowed by those of ``filters`` (a list with spaces) given."""
    params = call.params
    params.only(f"limit starting_after ending_before created expand type types {filters}")
    limit = params.integer("limit")
    if limit is None:
        limit = 10
    if not 1 <= limit <= 100:
        raise bad_param(f"This value must be between 1 and 100 (inclusive), not {limit}.", "limit")
    wanted = {name: value for name in filters.split() if (value := params.text(name)) is not None}
    created: dict[str, int] = {}
    if "created" in params:
        if isinstance(params.values["created"], str):
            created["="] = params.integer("created") or 0
        else:
            group = params.group("created")
            group.only(" ".join(OPERATORS))
            created = {OPERATORS[name]: group.integer(name) or 0 for name in group.values}
    types = params.texts("types")
    if single := params.text("type"):
        types = [*types, single] if kind == "event" else types
    docs, more = call.tx.listed(
        kind,
        {**wanted, **equal},
        created=created,
        types=types,
        after=params.text("starting_after"),
        before=params.text("ending_before"),
        limit=limit,
    )
    return list_of([public(doc, call.tx.base) for doc in docs], call.path, more)
