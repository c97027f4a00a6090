"""Registering, signing in and out, and the account's own page."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.accounts.entry import enter, offered_order
from storefront.blueprints.accounts.forms import DeletionForm, LoginForm, RegisterForm
from storefront.domain.accounts import email_key
from storefront.domain.errors import Conflict, Invalid
from storefront.domain.ids import UserId
from storefront.services import accounts as service
from storefront.web import htmx, limits, login, shopper
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
    _fill_in(form)
    if not form.validate():
        return _register_page(form, 422)
    name, email, password = form.name.data or "", form.email.data or "", form.password.data or ""
    try:
        account = service.register(stores(), UserId(shopper.identify()), name, email, password)
    except Conflict as taken:
        return _register_page(form, 409, str(taken), taken=True)
    except Invalid as invalid:
        return _register_page(form, 422, str(invalid), invalid.errors)
    order = offered_order(form.order_id.data)
    back = url_for("orders.show", order_id=order.order_id) if order else form.next.data
    return enter(account, back)


def _fill_in(form: RegisterForm) -> None:
    """After a guest order only a password is left to choose."""
    order = offered_order(form.order_id.data)
    if order is not None:
        form.name.data = form.name.data or order.address.name
        form.email.data = form.email.data or order.email


def _register_page(
    form: RegisterForm,
    status: int = 200,
    message: str = "",
    errors: dict[str, str] | None = None,
    *,
    taken: bool = False,
) -> BaseResponse:
    return htmx.render(
        "accounts/register.html",
        part="accounts/register.html",
        status=status,
        form=form,
        message=message,
        errors=errors or {},
        taken=taken,
    )


@accounts.get("/login", endpoint="login")
def sign_in_page() -> BaseResponse:
    login.require_store()
    wished = request.args.get("next")
    if current_user.is_authenticated:
        return redirect(login.safe_next(wished), 303)
    form = LoginForm()
    form.next.data = login.safe_next(wished, "")
    return _login_page(form, told=request.args.get("told", ""))


@accounts.post("/login")
@limits.signing_in
def sign_in() -> BaseResponse:
    login.require_store()
    form = LoginForm()
    if not form.validate():
        return _login_page(form, 422)
    email = form.email.data or ""
    limits.count_try(_key(email))
    account = service.sign_in(stores(), email, form.password.data or "")
    if account is None:
        return _login_page(form, 422, MISS)
    return enter(account, form.next.data or request.args.get("next"))


def _key(email: str) -> str:
    try:
        return email_key(email)
    except Invalid:
        return email.casefold()


TOLD = {
    "password": "Your password is changed. Sign in with the new one.",
    "deleted": "Your account is deleted.",
}


def _login_page(form: LoginForm, status: int = 200, message: str = "", told: str = "") -> BaseResponse:
    return htmx.render(
        "accounts/login.html",
        part="accounts/login.html",
        status=status,
        form=form,
        message=message,
        told=TOLD.get(told, ""),
    )


@accounts.post("/logout")
def logout() -> BaseResponse:
    """Ends every session of the account: a copied cookie must not outlive the sign-out."""
    if current_user.is_authenticated:
        stores().users.end_sessions(login.profile().user_id)
    login.finish()
    response = htmx.go(url_for("catalog.home"))
    login.forget(response)
    return response


@accounts.get("/account")
@login.required
def show() -> BaseResponse:
    who = login.profile().user_id
    account = stores().users.for_account(who)
    orders = stores().customer_orders.page(who, 3)
    return htmx.render("accounts/show.html", part="accounts/show.html", account=account, orders=orders)


@accounts.get("/account/export")
@login.required
def export() -> BaseResponse:
    response = jsonify(service.export(stores(), login.profile().user_id))
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
    form = DeletionForm()
    if not form.validate():
        return _deletion_page(form, 422)
    account = login.profile()
    limits.count_try(email_key(account.email))
    try:
        service.delete(stores(), stripe(), account, form.password.data or "")
    except Conflict as conflict:
        return _deletion_page(form, 409, str(conflict))
    except Invalid as invalid:
        return _deletion_page(form, 422, str(invalid), invalid.errors)
    login.finish()
    response = htmx.go(url_for("accounts.login", told="deleted"))
    login.forget(response)
    return response


def _deletion_page(
    form: DeletionForm, status: int = 200, message: str = "", errors: dict[str, str] | None = None
) -> BaseResponse:
    return htmx.render(
        "accounts/deletion.html",
        part="accounts/deletion.html",
        status=status,
        form=form,
        message=message,
        errors=errors or {},
    )
