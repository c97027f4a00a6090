"""Stored documents as the API shows them: private fields out, addresses in, ``expand`` followed."""

from __future__ import annotations

from typing import Any

from .errors import bad_param
from .store import Doc, Tx

EXPANDABLE = frozenset(
    {
        "charge",
        "customer",
        "latest_charge",
        "payment_intent",
        "payment_method",
        "setup_intent",
    }
)
MAX_EXPAND_DEPTH = 4


def public(doc: Doc, base: str) -> Doc:
    """Fields that start with an underscore are ours. Addresses depend on the port, so they aren't stored."""
    shown = {name: value for name, value in doc.items() if not name.startswith("_")}
    if doc["object"] == "checkout.session":
        shown["url"] = f"{base}/c/pay/{doc['id']}" if doc["status"] == "open" else None
    action = shown.get("next_action")
    if action and action["type"] == "redirect_to_url":
        where = dict(action["redirect_to_url"], url=f"{base}/c/authenticate/{doc['id']}")
        shown["next_action"] = {"type": "redirect_to_url", "redirect_to_url": where}
    return shown


def list_of(items: list[Doc], url: str, has_more: bool = False) -> Doc:
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def expand(tx: Tx, shown: Doc, paths: list[str]) -> Doc:
    """Raises ApiError for a path that can't be expanded."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_EXPAND_DEPTH:
            raise bad_param("You cannot expand more than 4 levels of a property.", "expand")
        _expand(tx, shown, parts, path)
    return shown


def _expand(tx: Tx, node: Any, parts: list[str], path: str) -> None:
    if not parts or node is None:
        return
    if isinstance(node, list):
        for item in node:
            _expand(tx, item, parts, path)
        return
    name = parts[0]
    if name == "line_items" and node.get("object") == "checkout.session":
        node[name] = line_items(tx, node["id"])
    elif name == "refunds" and node.get("object") == "charge":
        node[name] = refunds_of(tx, node)
    elif name not in node or (name not in EXPANDABLE and not isinstance(node[name], dict | list)):
        raise bad_param(
            f"This property cannot be expanded ({path}). You may want to try expanding a different property.",
            "expand",
        )
    elif isinstance(node[name], str) and name in EXPANDABLE:
        found = tx.get(node[name])
        node[name] = public(found, tx.base) if found else node[name]
    _expand(tx, node[name], parts[1:], path)


def line_items(tx: Tx, session: str) -> Doc:
    doc = tx.get(session)
    shown = [public(line, tx.base) for line in doc["_lines"]] if doc else []
    return list_of(shown, f"/v1/checkout/sessions/{session}/line_items")


def refunds_of(tx: Tx, charge: Doc) -> Doc:
    found, more = tx.listed("refund", {"charge": charge["id"]})
    return list_of([public(doc, tx.base) for doc in found], f"/v1/charges/{charge['id']}/refunds", more)
