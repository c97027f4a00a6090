"""A customer's cards: saved by way of Stripe's page, where alone their numbers are typed."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.errors import Conflict, PaymentUnavailable
from storefront.services.payments import saved_cards
from storefront.web import htmx, login
from storefront.web.context import settings, stores, stripe
from storefront.web.errors import RETRY_AFTER

payment_methods = Blueprint("payment_methods", __name__, url_prefix="/account/payment-methods")


@payment_methods.after_request
def keep_out_of_searches(response: BaseResponse) -> BaseResponse:
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@payment_methods.get("")
@login.required
def index() -> BaseResponse:
    return _list()


@payment_methods.post("")
@login.required
def add() -> BaseResponse:
    account = stores().accounts.for_account(login.profile().user_id)
    base = settings().base_url
    done, left = url_for("payment_methods.come_back"), url_for("payment_methods.index")
    try:
        address = saved_cards.adding_page(stores(), stripe(), account, base + done, base + left)
    except PaymentUnavailable as unavailable:
        return _list(503, str(unavailable))
    except Conflict as conflict:
        return _list(409, str(conflict))
    return htmx.go(address)


@payment_methods.get("/return")
@login.required
def come_back() -> BaseResponse:
    """Back from Stripe, which is asked what it holds: nothing here is believed of the address."""
    try:
        saved_cards.refresh(stores(), stripe(), login.profile())
    except PaymentUnavailable:
        words = "Your card is being kept, but we could not ask for it yet. Reload this page in a moment."
        return _list(503, words)
    return htmx.go(url_for("payment_methods.index"))


@payment_methods.post("/<string:token>/default")
@login.required
def make_default(token: str) -> BaseResponse:
    account = stores().accounts.for_account(login.profile().user_id)
    stores().cards.make_default(account.profile.user_id, saved_cards.of(account, token).token)
    return htmx.go(url_for("payment_methods.index"))


@payment_methods.post("/<string:token>/deletion")
@login.required
def delete(token: str) -> BaseResponse:
    account = stores().accounts.for_account(login.profile().user_id)
    try:
        saved_cards.remove(stores(), stripe(), account, token)
    except PaymentUnavailable:
        words = "The payment service does not answer right now, so the card is still kept. Please try again."
        return _list(503, words)
    return htmx.go(url_for("payment_methods.index"))


def _list(status: int = 200, message: str = "") -> BaseResponse:
    today = datetime.now(settings().zone).date()
    account = stores().accounts.for_account(login.profile().user_id)
    response = htmx.render(
        "payment_methods/index.html",
        status=status,
        cards=account.cards,
        expired={card.token for card in account.cards if saved_cards.expired(card, today)},
        full=len(account.cards) >= saved_cards.MAX_CARDS,
        message=message,
    )
    if status == 503:
        response.headers["Retry-After"] = RETRY_AFTER
    return response
