"""Registering, signing in and out, and the account's own page."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.accounts.forms import DeletionForm, LoginForm, RegisterForm
from storefront.blueprints.accounts.sign_in import enter, offered_order
from storefront.domain.accounts import EmailTaken, email_key
from storefront.domain.errors import Invalid
from storefront.domain.ids import UserId
from storefront.domain.order_views import OrderSummary
from storefront.services import account_export
from storefront.services import accounts as service
from storefront.web import forms, htmx, limits, login, shopper
from storefront.web.context import stores, stripe

accounts = Blueprint("accounts", __name__)

MISS = "This e-mail address and this password don't belong together. Check both, or choose a new password."


@accounts.after_request
def keep_out_of_searches(response: BaseResponse) -> BaseResponse:
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@accounts.get("/register")
def register() -> BaseResponse:
    login.require_store()
    if current_user.is_authenticated:
        return redirect(url_for("accounts.show"), 303)
    form = RegisterForm(request.args)
    _fill_in(form)
    return _register_page(form)


@accounts.post("/register")
@limits.registering
def create() -> BaseResponse:
    login.require_store()
    if current_user.is_authenticated:
        return htmx.go(url_for("accounts.show"))
    form = RegisterForm()
    order = _fill_in(form)
    with forms.shown_again(form, _register_page):
        typed = forms.checked(form)
        account = service.register(
            stores(), UserId(shopper.identify()), typed["name"], typed["email"], typed["password"]
        )
    return enter(account, url_for("orders.show", order_id=order.order_id) if order else typed["next"])


def _fill_in(form: RegisterForm) -> OrderSummary | None:
    """After a guest order only a password is left to choose; that order."""
    order = offered_order(form.order_id.data)
    if order is not None:
        form.name.data = form.name.data or order.address.name
        form.email.data = form.email.data or order.email
    return order


def _register_page(form: RegisterForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    taken = isinstance(problem.error, EmailTaken)
    return forms.render("accounts/register.html", form, problem, taken=taken)


@accounts.get("/login", endpoint="login")
def sign_in_page() -> BaseResponse:
    login.require_store()
    wished = request.args.get("next")
    if current_user.is_authenticated:
        return redirect(login.safe_next(wished), 303)
    form = LoginForm()
    form.next.data = login.safe_next(wished, "")
    return _login_page(form)


@accounts.post("/login")
@limits.signing_in
def sign_in() -> BaseResponse:
    login.require_store()
    form = LoginForm()
    with forms.shown_again(form, _login_page):
        typed = forms.checked(form)
        limits.count_try(_key(typed["email"]))
        account = service.sign_in(stores(), typed["email"], typed["password"])
        if account is None:
            raise Invalid(MISS)
    return enter(account, typed["next"] or request.args.get("next"))


def _key(email: str) -> str:
    try:
        return email_key(email)
    except Invalid:
        return email.casefold()


TOLD = {
    "password": "Your password is changed. Sign in with the new one.",
    "new_email": "Your new e-mail address is confirmed. Sign in with it.",
    "deleted": "Your account is deleted.",
}


def _login_page(form: LoginForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    told = TOLD.get(request.args.get("told", ""), "") if problem is forms.NONE else ""
    return forms.render("accounts/login.html", form, problem, told=told)


@accounts.post("/logout")
def logout() -> BaseResponse:
    """Ends every session of the account: a copied cookie must not outlive the sign-out."""
    if current_user.is_authenticated:
        stores().accounts.end_sessions(login.profile().user_id)
    login.finish()
    response = htmx.go(url_for("catalog.home"))
    login.forget(response)
    return response


@accounts.get("/account")
@login.required
def show() -> BaseResponse:
    who = login.profile().user_id
    account = stores().accounts.for_account(who)
    orders = stores().customer_orders.page(who, 3)
    return htmx.render("accounts/show.html", account=account, orders=orders)


@accounts.get("/account/export")
@login.required
def export() -> BaseResponse:
    response = jsonify(account_export.export(stores(), login.profile().user_id))
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@accounts.get("/account/deletion")
@login.required
def deletion() -> BaseResponse:
    return _deletion_page(DeletionForm())


@accounts.post("/account/deletion")
@limits.signing_in
@login.required
def delete() -> BaseResponse:
    form, account = DeletionForm(), login.profile()
    with forms.shown_again(form, _deletion_page):
        typed = forms.checked(form)
        limits.count_try(email_key(account.email))
        service.delete(stores(), stripe(), account, typed["password"])
    login.finish()
    response = htmx.go(url_for("accounts.login", told="deleted"))
    login.forget(response)
    return response


def _deletion_page(form: DeletionForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    return forms.render("accounts/deletion.html", form, problem)
