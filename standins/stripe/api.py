"""``/v1``: who asks, whether it was asked before, and answers in Stripe's shape."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from typing import Any

from flask import Blueprint, Response, g, request

from . import customers, faults, methods, payment_routes, records, refunds, session_routes, setups, sweep
from .errors import ApiError
from .idempotency import Answer, Keys
from .params import Params, nest
from .render import expand
from .routing import Call, Handler
from .store import Store, Tx, new_id
from .webhooks import API_VERSION

log = logging.getLogger(__name__)

RESOURCES = (session_routes, payment_routes, setups, customers, methods, refunds, records)


def blueprint(store: Store, api_key: str) -> Blueprint:
    api = Blueprint("api", __name__)
    keys = Keys(api_key)
    for module in RESOURCES:
        for method, rule, handler in module.routes.all:
            api.add_url_rule(
                rule,
                endpoint=f"{method} {rule}".replace(".", " "),
                view_func=_view(store, api_key, keys, handler),
                methods=[method],
            )
    return api


def _view(store: Store, api_key: str, keys: Keys, handler: Handler) -> Any:
    def view(**path: str) -> Response:
        try:
            _authenticate(api_key)
            answer = _answer(store, keys, handler, path)
        except ApiError as error:
            answer = Answer(error.status, error.body(), new_id("req_", 14))
        faults.after(g.get("fault"))
        return respond(answer)

    return view


def _authenticate(api_key: str) -> None:
    """Bearer, or basic with the key as user. Raises ApiError 401."""
    given = request.authorization
    key = (given.token if given.type == "bearer" else given.username) if given else None
    if not key:
        raise ApiError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            saved=False,
        )
    if not hmac.compare_digest(key.encode("utf-8", "replace"), api_key.encode()):
        raise ApiError(401, f"Invalid API Key provided: {key[:8]}****{key[-4:]}", saved=False)


def _answer(store: Store, keys: Keys, handler: Handler, path: dict[str, str]) -> Answer:
    pairs = list((request.form if request.method == "POST" else request.args).items(multi=True))
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if not key:
        return _execute(store, handler, pairs, path)
    route = request.path
    fingerprint = hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()
    with keys.claimed(key):
        if before := keys.stored(store, key, route, fingerprint):
            return before
        return _execute(
            store, handler, pairs, path, lambda tx, answer: keys.save(tx, key, route, fingerprint, answer)
        )


def _execute(
    store: Store, handler: Handler, pairs: list[tuple[str, str]], path: dict[str, str], remember: Any = None
) -> Answer:
    """Run the handler; its changes, their events and the remembered answer commit together."""
    id = new_id("req_", 14)
    ordered: ApiError | None = None
    try:
        faults.before(g.get("fault"))
    except ApiError as error:
        ordered = error
    try:
        sweep.run(store)
        with store.transaction() as tx:
            answer, saved = _run(tx, handler, pairs, path, id, ordered)
            if remember and saved:
                remember(tx, answer)
            return answer
    except ApiError:
        raise
    except Exception:
        log.exception("%s %s", request.method, request.path)
        raise ApiError(500, "An unknown error occurred.", type="api_error", saved=False) from None


def _run(
    tx: Tx,
    handler: Handler,
    pairs: list[tuple[str, str]],
    path: dict[str, str],
    id: str,
    ordered: ApiError | None,
) -> tuple[Answer, bool]:
    """The answer, and whether a key remembers it. What a refused request wrote is undone, a decline stays."""
    tx.sql("SAVEPOINT call")
    try:
        if ordered is not None:
            raise ordered
        params = Params(nest(pairs))
        call = Call(tx, params, request.path, request.headers.get("Stripe-Version", API_VERSION))
        shown = expand(tx, handler(call, **path), params.texts("expand"))
        answer, saved = Answer(200, shown, id), True
    except ApiError as error:
        if not error.keeps_changes:
            tx.sql("ROLLBACK TO call")
        answer, saved = Answer(error.status, error.body(), id), error.saved
    tx.sql("RELEASE call")
    return answer, saved


def respond(answer: Answer) -> Response:
    response = Response(json.dumps(answer.body, indent=2), answer.status, mimetype="application/json")
    response.headers["Request-Id"] = new_id("req_", 14) if answer.replayed else answer.request
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
    response.headers["Cache-Control"] = "no-store"
    if key := request.headers.get("Idempotency-Key"):
        response.headers["Idempotency-Key"] = key
    if answer.replayed:
        response.headers["Original-Request"] = answer.request
        response.headers["Idempotent-Replayed"] = "true"
    if answer.status == 500:
        # Trying again would be answered from memory; Stripe says so to its libraries.
        response.headers["Stripe-Should-Retry"] = "false"
    return response


def not_found() -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.path})."
    error = ApiError(404, message, saved=False)
    return respond(Answer(404, error.body(), new_id("req_", 14)))
