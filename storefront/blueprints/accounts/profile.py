"""Name, phone number and e-mail address; another address counts once its mailed link was followed."""

from __future__ import annotations

from flask import redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.accounts.forms import ProfileForm
from storefront.blueprints.accounts.routes import accounts
from storefront.domain.accounts import email_key
from storefront.links import EmailLinks
from storefront.services import account_profile
from storefront.web import forms, htmx, limits, login
from storefront.web.context import settings, stores


@accounts.get("/account/profile")
@login.required
def profile() -> BaseResponse:
    form, known = ProfileForm(), login.profile()
    form.name.data, form.phone.data, form.email.data = known.name, known.phone, known.email
    return _profile_page(form)


@accounts.post("/account/profile")
@limits.signing_in
@login.required
def change_profile() -> BaseResponse:
    form, known = ProfileForm(), login.profile()
    with forms.shown_again(form, _profile_page):
        typed = forms.checked(form)
        moved = typed["email"] != known.email
        if moved:
            limits.count_try(email_key(known.email))
            if limits.may_mail(email_key(typed["email"])):
                account_profile.ask_for_email(stores(), known, typed["email"], typed["current_password"])
        account_profile.change(stores(), known, typed["name"], typed["phone"], _country())
    return htmx.go(url_for("accounts.show", told="email" if moved else "profile"))


def _country() -> str:
    """Of phone numbers without a country code: where the shop is at home."""
    return settings().calendar.home or settings().locale.rpartition("_")[2]


def _profile_page(form: ProfileForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    return forms.render("accounts/profile.html", form, problem)


# --- by a link in a mail


@accounts.get("/confirm-email")
def new_email() -> BaseResponse:
    """One button, since mail scanners open links. The token leaves the address, as it does elsewhere."""
    if "token" in request.args:
        session["new_email"] = request.args["token"][:1000]
        return redirect(url_for("accounts.new_email"), 303)
    login.require_store()
    return htmx.render("accounts/email.html")


@accounts.post("/confirm-email")
@limits.forgetting
def confirm_email() -> BaseResponse:
    login.require_store()
    changed = account_profile.confirm_email(stores(), EmailLinks(settings()), session.pop("new_email", ""))
    known = login.customer()
    mine = known is not None and known.user_id == changed.user_id
    return htmx.go(url_for("accounts.show" if mine else "accounts.login", told="new_email"))
