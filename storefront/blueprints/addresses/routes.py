"""The address book."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from flask import Blueprint, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.services import address_book
from storefront.web import forms, htmx, login
from storefront.web.address_form import AddressForm
from storefront.web.context import stores

addresses = Blueprint("addresses", __name__, url_prefix="/account/addresses")


@addresses.get("")
@login.required
def index() -> BaseResponse:
    return _list(AddressForm())


@addresses.post("")
@login.required
def add() -> BaseResponse:
    form = AddressForm()
    with forms.shown_again(form, _list):
        address_book.add(stores(), login.profile().user_id, form.address())
    return htmx.go(url_for("addresses.index"))


@addresses.get("/<uuid:address_id>")
@login.required
def edit(address_id: UUID) -> BaseResponse:
    account = stores().accounts.for_account(login.profile().user_id)
    saved = address_book.of(account, address_id)
    return _edit(address_id, AddressForm(obj=saved.address))


@addresses.post("/<uuid:address_id>")
@login.required
def change(address_id: UUID) -> BaseResponse:
    form = AddressForm()
    with forms.shown_again(form, partial(_edit, address_id)):
        address_book.change(stores(), login.profile().user_id, address_id, form.address())
    return htmx.go(url_for("addresses.index"))


@addresses.post("/<uuid:address_id>/deletion")
@login.required
def delete(address_id: UUID) -> BaseResponse:
    who = login.profile().user_id
    address_book.of(stores().accounts.for_account(who), address_id)
    stores().addresses.delete(who, address_id)
    return htmx.go(url_for("addresses.index"))


@addresses.post("/<uuid:address_id>/default")
@login.required
def make_default(address_id: UUID) -> BaseResponse:
    stores().addresses.make_default(login.profile().user_id, address_id)
    return htmx.go(url_for("addresses.index"))


def _list(form: AddressForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    account = stores().accounts.for_account(login.profile().user_id)
    return forms.render("addresses/index.html", form, problem, account=account)


def _edit(address_id: UUID, form: AddressForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    return forms.render("addresses/edit.html", form, problem, address_id=address_id)
