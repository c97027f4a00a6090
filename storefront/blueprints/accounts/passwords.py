"""A new password: by the one there is, or by a link in a mail."""

from __future__ import annotations

from flask import redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.accounts.forms import ForgottenForm, PasswordForm, ResetForm
from storefront.blueprints.accounts.routes import accounts
from storefront.domain.accounts import LinkOver, email_key
from storefront.domain.errors import Conflict, Invalid
from storefront.links import ResetLinks
from storefront.services import accounts as service
from storefront.web import htmx, limits, login
from storefront.web.context import settings, stores


@accounts.get("/account/password")
@login.required
def password() -> BaseResponse:
    return _page("password", PasswordForm())


@accounts.post("/account/password")
@limits.signing_in
@login.required
def change_password() -> BaseResponse:
    form = PasswordForm()
    if not form.validate():
        return _page("password", form, 422)
    account = login.profile()
    limits.count_try(email_key(account.email))
    try:
        changed = service.change_password(
            stores(), account, form.current_password.data or "", form.new_password.data or ""
        )
    except Conflict as conflict:
        return _page("password", form, 409, str(conflict))
    except Invalid as invalid:
        return _page("password", form, 422, str(invalid), invalid.errors)
    # Every other session is over by now; this one goes on under the new epoch.
    login.start(changed)
    response = htmx.go(url_for("accounts.show", told="password"))
    login.show(response)
    return response


@accounts.get("/forgotten-password")
def forgotten() -> BaseResponse:
    login.require_store()
    return _page("forgotten", ForgottenForm())


@accounts.post("/forgotten-password")
@limits.forgetting
def forgot() -> BaseResponse:
    """The same answer whether there is such an account; a mail too many is left out without a word."""
    login.require_store()
    form = ForgottenForm()
    if not form.validate():
        return _page("forgotten", form, 422)
    email = form.email.data or ""
    if limits.may_mail(email_key(email)):
        service.forgot(stores(), ResetLinks(settings()), email)
    return redirect(url_for("accounts.forgotten", sent="1"), 303)


@accounts.get("/reset-password")
def reset() -> BaseResponse:
    if "token" in request.args:
        # Out of the address at once: it must not lie in histories and Referers.
        session["reset"] = request.args["token"][:100]
        return redirect(url_for("accounts.reset"), 303)
    try:
        service.opened(stores(), session.get("reset", ""))
    except LinkOver as over:
        return _page("forgotten", ForgottenForm(), 409, str(over))
    return _page("reset", ResetForm())


@accounts.post("/reset-password")
@limits.forgetting
def choose() -> BaseResponse:
    login.require_store()
    form = ResetForm()
    if not form.validate():
        return _page("reset", form, 422)
    try:
        service.reset_password(stores(), session.get("reset", ""), form.password.data or "")
    except LinkOver as over:
        return _page("forgotten", ForgottenForm(), 409, str(over))
    except Invalid as invalid:
        return _page("reset", form, 422, str(invalid), invalid.errors)
    session.pop("reset", None)
    return htmx.go(url_for("accounts.login", told="password"))


def _page(
    name: str,
    form: object,
    status: int = 200,
    message: str = "",
    errors: dict[str, str] | None = None,
) -> BaseResponse:
    return htmx.render(
        f"accounts/{name}.html",
        part=f"accounts/{name}.html",
        status=status,
        form=form,
        message=message,
        errors=errors or {},
        sent=request.args.get("sent") == "1",
    )
