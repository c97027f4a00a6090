"""``/_standin``: what tests of the shop order and look at. Asks for JSON, which no foreign page can post."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from .errors import bad_param
from .faults import Faults
from .store import Store
from .webhooks import Deliverer


def blueprint(store: Store, faults: Faults, deliverer: Deliverer) -> Blueprint:
    control = Blueprint("control", __name__, url_prefix="/_standin")

    @control.get("/faults")
    def list_faults() -> Any:
        return [fault.described() for fault in faults.listed()]

    @control.post("/faults")
    def add_fault() -> Any:
        asked = _json()
        return faults.add(asked.get("match"), asked.get("action"), asked.get("times", 1)).described(), 201

    @control.delete("/faults")
    def clear_faults() -> Any:
        faults.clear()
        return "", 204

    @control.get("/events")
    def events() -> Any:
        """All events, oldest first, each with how its delivery stands."""
        with store.transaction() as tx:
            rows = tx.sql("SELECT event, state, attempts FROM deliveries ORDER BY seq DESC LIMIT 1000")
            return [
                {"event": tx.get(event), "state": state, "attempts": attempts}
                for event, state, attempts in reversed(rows)
            ]

    @control.get("/deliver")
    def delivery() -> Any:
        with store.transaction() as tx:
            ((waiting,),) = tx.sql("SELECT count(*) FROM deliveries WHERE state = 'waiting'")
        return {"paused": deliverer.paused, "waiting": waiting}

    @control.post("/deliver")
    def steer_delivery() -> Any:
        """``{"paused": true}``, ``{"event": "evt_…"}`` to send one again, ``{"now": true}`` to skip waits."""
        asked = _json()
        with store.transaction() as tx:
            if event := asked.get("event"):
                tx.sql("UPDATE deliveries SET state = 'waiting', next_at = 0 WHERE event = ?", str(event))
            if asked.get("now"):
                tx.sql("UPDATE deliveries SET next_at = 0 WHERE state = 'waiting'")
        if "paused" in asked:
            deliverer.paused = bool(asked["paused"])
        deliverer.wake()
        return delivery()

    @control.post("/clock")
    def move_clock() -> Any:
        """``{"advance": seconds}``: Sessions expire sooner. Until the next start."""
        try:
            store.clock_offset += float(_json().get("advance", 0))
        except (TypeError, ValueError):
            raise bad_param("advance is a number of seconds", "advance") from None
        return {"now": store.now()}

    return control


def _json() -> dict[str, Any]:
    asked = request.get_json()
    if not isinstance(asked, dict):
        raise bad_param("A JSON object is needed.")
    return asked
