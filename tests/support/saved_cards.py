"""Customers with cards saved at the Stripe stand-in."""

from __future__ import annotations

from uuid import UUID, uuid4

from storefront.domain.accounts import Account, Profile
from storefront.process import Process
from storefront.services.payments import saved_cards
from tests.support.factories import shopper
from tests.support.stripe_control import api

VISA = "pm_card_visa"
MASTERCARD = "pm_card_mastercard"
ASKS_ALWAYS = "pm_card_authenticationRequired"
DECLINES_LATER = "pm_card_chargeCustomerFail"


class Customer:
    """An account whose cards came by way of Stripe."""

    def __init__(self, process: Process, address: str, user_id: UUID | None = None) -> None:
        self.process = process
        self.address = address
        self.user_id = user_id
        if user_id is None:
            profile = Profile(shopper(), "Ada Marsh", f"ada.{uuid4().hex[:12]}@example.com")
            process.stores().accounts.register(profile, "hash")
            self.user_id = profile.user_id

    @property
    def account(self) -> Account:
        assert self.user_id is not None
        return self.process.stores().accounts.for_account(self.user_id)

    @property
    def stripe_id(self) -> str:
        return saved_cards.stripe_customer_of(
            self.process.stores(), self.process.stripe, self.account.profile
        )

    @property
    def tokens(self) -> list[str]:
        """The default first."""
        return [card.token for card in self.account.cards]

    def keep(self, name: str = VISA) -> str:
        """Keep one of Stripe's test cards; its token."""
        token = str(
            api(self.address, "POST", f"payment_methods/{name}/attach", customer=self.stripe_id)["id"]
        )
        saved_cards.refresh(self.process.stores(), self.process.stripe, self.account.profile)
        return token

    def attached(self) -> set[str]:
        """The tokens of the cards that Stripe keeps."""
        listed = api(self.address, "GET", f"customers/{self.stripe_id}/payment_methods", limit="100")
        return {method["id"] for method in listed["data"]}


def intents_of(stripe: str, order_id: object) -> list[dict[str, object]]:
    """The PaymentIntents made for an order, the oldest first; those of hosted pages too."""
    listed = api(stripe, "GET", "payment_intents", limit="100")["data"]
    return [one for one in reversed(listed) if one["metadata"].get("order_id") == str(order_id)]
