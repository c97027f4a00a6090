"""The stores of a unit of work: what may be asked inside a transaction, and what must not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_type_hints

import pytest

from storefront.stores import Stores

DYNAMODB = [
    name
    for name, attribute in vars(Stores).items()
    if isinstance(attribute, property)
    and attribute.fget is not None
    and get_type_hints(attribute.fget)["return"].__module__.startswith("storefront.repositories.dynamodb.")
]


def had_inside(stores: Stores) -> Iterator[str]:
    """The names of DynamoDB's repositories that a transaction lets one have."""
    with stores.transaction():
        for name in DYNAMODB:
            try:
                getattr(stores, name)
            except RuntimeError as error:
                assert "outside stores.transaction()" in str(error)  # noqa: PT017 - others are no error
            else:
                yield name


def test_all_of_dynamodbs_repositories_are_looked_at() -> None:
    assert set(DYNAMODB) == {
        "dynamodb", "accounts", "addresses", "password_resets", "cards", "deliveries", "counters", "outbox",
    }  # fmt: skip


def test_none_of_dynamodbs_repositories_is_to_be_had_inside_a_transaction(stores: Stores) -> None:
    assert list(had_inside(stores)) == []


def test_control_without_the_watch_all_of_them_are(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stores, "dynamodb", property(lambda self: self._dynamodb))
    assert list(had_inside(stores)) == DYNAMODB


@pytest.mark.parametrize("fails", [False, True])
def test_after_a_transaction_they_are_to_be_had_again(stores: Stores, fails: bool) -> None:
    try:
        with stores.transaction():
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert stores.accounts.login("nobody@example.com") is None


def test_a_transaction_that_was_refused_inside_another_leaves_the_outer_one_watched(stores: Stores) -> None:
    with stores.transaction():
        with pytest.raises(RuntimeError, match="do not nest"), stores.transaction():
            pass
        with pytest.raises(RuntimeError, match="outside"):
            _ = stores.deliveries
