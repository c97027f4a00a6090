"""What checkout knows already of a signed-in customer, and does without while DynamoDB is unavailable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog

from storefront.blueprints.checkout.forms import CheckoutForm
from storefront.domain.accounts import SavedAddress
from storefront.domain.addresses import PostalAddress
from storefront.domain.errors import NotFound, ShopError, StoreUnavailable
from storefront.services import address_book
from storefront.web import login, paying
from storefront.web.context import stores

log = structlog.get_logger()


class OutOfReach(StoreUnavailable):
    """The customer's choice can't be read; what they can do instead is told in ``words``."""

    def __init__(self, words: str) -> None:
        super().__init__("dynamodb")
        self.args = (words,)


@contextmanager
def in_reach(form: CheckoutForm) -> Iterator[None]:
    """Read what the customer chose among what is saved.

    Raises:
        OutOfReach: DynamoDB is unavailable; the form asks for none of it when it is shown again.
    """
    try:
        yield
    except StoreUnavailable as error:
        if error.store != "dynamodb":
            raise
        words = "We can't reach your saved cards right now. Please pay with any card on the next page."
        if form.address_id.data:
            words = "We can't reach your saved addresses right now. Please type the address this once."
        form.address_id.data = form.payment_token.data = ""
        raise OutOfReach(words) from error


def addresses() -> tuple[SavedAddress, ...]:
    """The customer's saved addresses, the default first; none for guests and without DynamoDB."""
    try:
        known = paying.account()
    except (StoreUnavailable, NotFound):
        return ()
    return known.addresses if known else ()


def prefill(form: CheckoutForm) -> None:
    """Fill in what is known, the first of the saved addresses and cards chosen."""
    customer = login.customer()
    if customer is not None:
        form.email.data, form.name.data = customer.email, customer.name
        form.phone.data = customer.phone
    saved = addresses()
    form.address_id.data = str(saved[0].address_id) if saved else ""
    cards = paying.usable_cards()
    form.payment_token.data = cards[0].token if cards else ""


def chosen(form: CheckoutForm) -> PostalAddress | None:
    """The saved address the customer chose; None when they typed one.

    Raises:
        NotFound: not an address of this customer.
        StoreUnavailable: DynamoDB is unavailable, so it can't be read.
    """
    customer = login.customer()
    if customer is not None:
        form.email.data = form.email.data or customer.email
    if not form.address_id.data:
        return None
    known = paying.account()
    try:
        address_id = UUID(form.address_id.data)
    except ValueError:
        address_id = None
    if known is None or address_id is None:
        raise NotFound("We can't find this address")
    return address_book.of(known, address_id).address


def country(form: CheckoutForm) -> str:
    """Of the address that is chosen, as far as it is known, else of the one that is being typed."""
    for saved in addresses():
        if str(saved.address_id) == form.address_id.data:
            return saved.address.country
    return form.country.data or ""


def keep(form: CheckoutForm, address: PostalAddress) -> None:
    """Keep a typed address if the customer wishes it. The order is placed: nothing here may undo that."""
    customer = login.customer()
    if customer is None or not form.keep_address.data or form.address_id.data:
        return
    try:
        address_book.add(stores(), customer.user_id, address)
    except ShopError as error:
        log.warning("address_not_kept", reason=type(error).__name__)
