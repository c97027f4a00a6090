"""A new password: by the one there is, or by a link in a mail."""

from __future__ import annotations

from flask import redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.accounts.forms import ForgottenForm, PasswordForm, ResetForm
from storefront.blueprints.accounts.routes import accounts
from storefront.domain.accounts import LinkOver, email_key
from storefront.links import ResetLinks
from storefront.services import accounts as service
from storefront.web import forms, htmx, limits, login
from storefront.web.context import settings, stores


@accounts.get("/account/password")
@login.required
def password() -> BaseResponse:
    return _password_page(PasswordForm())


@accounts.post("/account/password")
@limits.signing_in
@login.required
def change_password() -> BaseResponse:
    form, account = PasswordForm(), login.profile()
    with forms.shown_again(form, _password_page):
        typed = forms.checked(form)
        limits.count_try(email_key(account.email))
        changed = service.change_password(stores(), account, typed["current_password"], typed["new_password"])
    # Every other session is over by now; this one goes on under the new epoch.
    login.start(changed)
    response = htmx.go(url_for("accounts.show", told="password"))
    login.show(response)
    return response


def _password_page(form: PasswordForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    return forms.render("accounts/password.html", form, problem)


# --- by a link in a mail


@accounts.get("/forgotten-password")
def forgotten() -> BaseResponse:
    login.require_store()
    return _forgotten_page(ForgottenForm())


@accounts.post("/forgotten-password")
@limits.forgetting
def forgot() -> BaseResponse:
    """The same answer whether there is such an account; a mail too many is left out without a word."""
    login.require_store()
    form = ForgottenForm()
    with forms.shown_again(form, _forgotten_page):
        email = forms.checked(form)["email"]
        key = email_key(email)
    if limits.may_mail(key):
        service.forgot(stores(), ResetLinks(settings()), email)
    return redirect(url_for("accounts.forgotten", sent="1"), 303)


def _forgotten_page(form: ForgottenForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    return forms.render("accounts/forgotten.html", form, problem, sent=request.args.get("sent") == "1")


@accounts.get("/reset-password")
def reset() -> BaseResponse:
    if "token" in request.args:
        # Out of the address at once: it must not lie in histories and Referers.
        session["reset"] = request.args["token"][:100]
        return redirect(url_for("accounts.reset"), 303)
    form = ResetForm()
    with forms.shown_again(form, _reset_page):
        service.opened(stores(), session.get("reset", ""))
    return _reset_page(form)


@accounts.post("/reset-password")
@limits.forgetting
def choose() -> BaseResponse:
    login.require_store()
    form = ResetForm()
    with forms.shown_again(form, _reset_page):
        typed = forms.checked(form)
        service.reset_password(stores(), session.get("reset", ""), typed["password"])
    session.pop("reset", None)
    return htmx.go(url_for("accounts.login", told="password"))


def _reset_page(form: ResetForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    if isinstance(problem.error, LinkOver):
        # All that is left to do is to ask for another link.
        return _forgotten_page(ForgottenForm(), problem)
    return forms.render("accounts/reset.html", form, problem)
