"""The address book."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.errors import Conflict, Invalid
from storefront.services import address_book
from storefront.web import htmx, login
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
    try:
        _check(form)
        address_book.add(stores(), login.profile().user_id, form.address())
    except Conflict as conflict:
        return _list(form, 409, str(conflict))
    except Invalid as invalid:
        return _list(form, 422, str(invalid), invalid.errors)
    return htmx.go(url_for("addresses.index"))


@addresses.get("/<uuid:address_id>")
@login.required
def edit(address_id: UUID) -> BaseResponse:
    account = stores().users.for_account(login.profile().user_id)
    saved = address_book.of(account, address_id)
    return _edit(AddressForm(obj=saved.address), address_id)


@addresses.post("/<uuid:address_id>")
@login.required
def change(address_id: UUID) -> BaseResponse:
    form = AddressForm()
    try:
        _check(form)
        address_book.change(stores(), login.profile().user_id, address_id, form.address())
    except Invalid as invalid:
        return _edit(form, address_id, 422, str(invalid), invalid.errors)
    return htmx.go(url_for("addresses.index"))


@addresses.post("/<uuid:address_id>/deletion")
@login.required
def delete(address_id: UUID) -> BaseResponse:
    who = login.profile().user_id
    address_book.of(stores().users.for_account(who), address_id)
    stores().users.delete_address(who, address_id)
    return htmx.go(url_for("addresses.index"))


@addresses.post("/<uuid:address_id>/default")
@login.required
def make_default(address_id: UUID) -> BaseResponse:
    stores().users.make_default_address(login.profile().user_id, address_id)
    return htmx.go(url_for("addresses.index"))


def _check(form: AddressForm) -> None:
    if not form.validate():
        raise Invalid(errors={name: str(words[0]) for name, words in form.errors.items() if name and words})


def _list(
    form: AddressForm, status: int = 200, message: str = "", errors: dict[str, str] | None = None
) -> BaseResponse:
    return htmx.render(
        "addresses/index.html",
        part="addresses/index.html",
        status=status,
        account=stores().users.for_account(login.profile().user_id),
        form=form,
        message=message,
        errors=errors or {},
    )


def _edit(
    form: AddressForm,
    address_id: UUID,
    status: int = 200,
    message: str = "",
    errors: dict[str, str] | None = None,
) -> BaseResponse:
    return htmx.render(
        "addresses/edit.html",
        part="addresses/edit.html",
        status=status,
        form=form,
        address_id=address_id,
        message=message,
        errors=errors or {},
    )
