"""What checkout knows already of a signed-in customer, and does without while DynamoDB is away."""

from __future__ import annotations

from uuid import UUID

import structlog

from storefront.blueprints.checkout.forms import CheckoutForm
from storefront.blueprints.payment_methods import paying
from storefront.domain.accounts import SavedAddress
from storefront.domain.customers import PostalAddress
from storefront.domain.errors import NotFound, ShopError, StoreUnavailable
from storefront.services import address_book
from storefront.web import login
from storefront.web.context import stores

log = structlog.get_logger()


def addresses() -> tuple[SavedAddress, ...]:
    """The customer's saved addresses, the default first; none for guests and while DynamoDB is away."""
    try:
        known = paying.account()
    except (StoreUnavailable, NotFound):
        return ()
    return known.addresses if known else ()


def prefill(form: CheckoutForm) -> tuple[SavedAddress, ...]:
    """Fill in what is known, the first of the saved addresses chosen; all of them."""
    customer = login.customer()
    if customer is not None:
        form.email.data, form.name.data = customer.email, customer.name
    saved = addresses()
    form.address_id.data = str(saved[0].address_id) if saved else ""
    cards = paying.usable_cards()
    form.payment_token.data = cards[0].token if cards else ""
    return saved


def chosen(form: CheckoutForm) -> PostalAddress | None:
    """The saved address the customer chose; None when they typed one.

    Raises:
        NotFound: not an address of this customer.
        StoreUnavailable: DynamoDB is away, so it can't be read.
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


def keep(form: CheckoutForm, address: PostalAddress) -> None:
    """Keep a typed address if the customer wishes it. The order is placed: nothing here may undo that."""
    customer = login.customer()
    if customer is None or not form.keep_address.data or form.address_id.data:
        return
    try:
        address_book.add(stores(), customer.user_id, address)
    except ShopError as error:
        log.warning("address_not_kept", reason=type(error).__name__)
