"""Errors in Stripe's shape (https://docs.stripe.com/api/errors)."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than 200.

    ``saved``: whether an idempotency key remembers it; Stripe doesn't when the request never began to execute
    (https://docs.stripe.com/api/idempotent_requests). ``keeps_changes``: whether what was written stays.
    """

    keeps_changes = False

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        fields = {"code": code, "message": message, "param": param, "type": type, **more}
        self.error = {name: value for name, value in fields.items() if value is not None}
        if code is not None:
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"

    def body(self) -> dict[str, Any]:
        return {"error": self.error}


class CardDeclined(ApiError):
    """402: the attempt, its charge and its event are recorded, so the transaction commits."""

    keeps_changes = True

    def __init__(self, message: str, *, code: str, decline_code: str | None = None, **more: Any) -> None:
        super().__init__(402, message, type="card_error", code=code, decline_code=decline_code, **more)


def bad_param(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400 for a request that fails validation: its key stays free."""
    return ApiError(400, message, param=param, code=code, saved=False)


def wrong_state(message: str, code: str | None = None, **more: Any) -> ApiError:
    """400 for a request that came too late or too early."""
    return ApiError(400, message, code=code, **more)


def missing(param: str) -> ApiError:
    return bad_param(f"Missing required param: {param}.", param, "parameter_missing")


def no_such(kind: str, id: str, param: str | None = None) -> ApiError:
    """404 for an id in the path; 400 where ``param`` names the parameter that holds it."""
    return ApiError(
        404 if param is None else 400,
        f"No such {kind}: '{id}'",
        code="resource_missing",
        param=param or "id",
        saved=False,
    )
