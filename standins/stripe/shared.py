"""Rules that PaymentIntents, SetupIntents and Checkout Sessions have in common."""

from __future__ import annotations

from . import customers, methods
from .errors import ApiError, bad_param
from .routing import Call
from .store import Doc, Tx

LEAST_AMOUNT = 50
OTHER_LEAST = {
    "aed": 200, "bgn": 100, "czk": 1500, "dkk": 250, "gbp": 30, "hkd": 400, "huf": 17_500, "mxn": 1000,
    "myr": 200, "nok": 300, "pln": 200, "ron": 200, "sek": 300, "thb": 1000,
}  # fmt: skip
MOST_AMOUNT = 99_999_999
TYPES_REMOVED = "2026-09-30"


def amount(cents: int | None, currency: str, param: str, too_small: str) -> int:
    """Stripe's limits (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts), in cents."""
    least = OTHER_LEAST.get(currency, LEAST_AMOUNT)
    if cents is None or cents < least:
        shown = f"$0.50 {currency}" if least == LEAST_AMOUNT else f"{least / 100:.2f} {currency}"
        raise bad_param(f"{too_small} at least {shown}", param, "amount_too_small")
    if cents > MOST_AMOUNT:
        raise bad_param(f"Amount must be no more than $999,999.99 {currency}", param, "amount_too_large")
    return cents


def currency(code: str, param: str) -> str:
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise bad_param(f"Invalid currency: {code}", param)
    return code.lower()


def cards_only(call: Call) -> list[str] | None:
    """Check what kinds of payment are asked for; None where nothing is said.

    ``payment_method_types`` left the API with 2026-09-30.endive, which the library pins:
    https://docs.stripe.com/changelog/endive/2026-09-30/remove-payment-method-types-checkout-sessions
    """
    if "payment_method_types" in call.params and call.version >= TYPES_REMOVED:
        raise bad_param(
            "`payment_method_types` is no longer supported. Use `allowed_payment_method_types` to limit "
            "the payment methods on offer.",
            "payment_method_types",
            "payment_method_types_no_longer_supported",
        )
    for name in ("allowed_payment_method_types", "payment_method_types"):
        if name in call.params:
            types = call.params.texts(name)
            if "card" not in types:
                raise bad_param("This service knows payment methods of type card only.", name)
            return types
    return None


def customer_of(call: Call) -> str | None:
    """The id in ``customer``; raises 400 for one that doesn't exist."""
    given = call.params.text("customer")
    return customers.require(call.tx, given, "customer")["id"] if given else None


def usable_method(tx: Tx, id: str, customer: str | None) -> Doc:
    """The payment method for an intent of ``customer``; raises 400 for somebody else's or a spent one."""
    method = methods.require(tx, id, "payment_method")
    owner = method["customer"]
    if owner is not None and customer is None:
        raise bad_param(
            "The payment method you provided is attached to a customer so for security purposes you must "
            "provide the customer in the request.",
            "payment_method",
        )
    if owner not in (None, customer):
        raise ApiError(
            400,
            "The payment method supplied does not belong to the customer of this intent.",
            code="resource_missing",
            param="payment_method",
        )
    if owner is None and method["_spent"]:
        raise bad_param(
            "The provided PaymentMethod was previously used without being attached to a Customer or was "
            "detached from a Customer. It may not be used again.",
            "payment_method",
        )
    return method
