"""The tracking part of an order's page: what it tells of the parcels, and when it asks again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from storefront.domain.errors import StoreUnavailable
from storefront.domain.parcels import ParcelLine, ParcelStatus, Settlement
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.services import carrier_events, parcels
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.support.client import add, user_of
from tests.support.factories import order, product
from tests.support.till import capture
from tests.support.worker import event, pack, tell, work

P = ParcelStatus
PART = {"HX-Request": "true"}


def url(order_id: UUID, part: str = "") -> str:
    return f"/orders/{order_id}{'/' if part else ''}{part}"


@pytest.fixture
def skus(stores: Stores) -> tuple[str, str]:
    return product(stores, name="Brass lamp"), product(stores, name="Stoneware <mug>")


@pytest.fixture
def bought(client: FlaskClient, stores: Stores, process: Process, skus: tuple[str, str]) -> UUID:
    """A paid order of two units of two products each, being packed."""
    add(client, skus[0], "2")
    order_id = order(stores, *skus, qty=2, user_id=user_of(client))  # type: ignore[arg-type]
    capture(stores, order_id)
    work(process)
    return order_id


@pytest.fixture
def shipped(stores: Stores, process: Process, bought: UUID) -> UUID:
    """On its way in one parcel."""
    parcel = pack(stores, bought)
    words = {"message": "Collected from the shop", "place": "Salem"}
    carrier_events.record(stores, event(parcel.tracking_code, P.IN_TRANSIT, **words))  # type: ignore[arg-type]
    work(process)
    return bought


def report(stores: Stores, process: Process, code: str, status: ParcelStatus, **more: object) -> None:
    carrier_events.record(stores, event(code, status, **more))  # type: ignore[arg-type]
    work(process)


def part(client: FlaskClient, order_id: UUID) -> str:
    return client.get(url(order_id, "tracking"), headers=PART).text


def headline(client: FlaskClient, order_id: UUID) -> str:
    found = re.search(r"data-headline>([^<]*)<", part(client, order_id))
    assert found
    return found[1]


def poll(text: str) -> str | None:
    """The address that the part asks again at."""
    found = re.search(r'data-hx-get="([^"]+)"[^>]*data-hx-trigger="every', text)
    return found[1].replace("&amp;", "&") if found else None


def unavailable(*_: object) -> None:
    raise StoreUnavailable("dynamodb")


@contextmanager
def without_dynamodb() -> Iterator[None]:
    """While the deliveries' table does not answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Deliveries, "for_tracking", unavailable)
        yield


# --- what it tells


def test_a_parcel_is_told_with_carrier_code_day_and_steps(
    client: FlaskClient, stores: Stores, shipped: UUID
) -> None:
    page = client.get(url(shipped)).text
    (parcel,) = stores.parcels.of(shipped)
    assert f'data-parcel="{parcel.tracking_code}"' in page
    assert 'data-parcel-status="in_transit"' in page
    assert 'data-status="shipped"' in page
    assert 'data-delivery="in_transit"' in page
    for words in ("Larkfield Post", "Collected from the shop", "Salem", "On its way to you. Get it"):
        assert words in page


def test_the_history_is_a_list_and_its_newest_step_the_present_one(
    client: FlaskClient, shipped: UUID
) -> None:
    page = part(client, shipped)
    (history,) = re.findall(r"<ol.*?</ol>", page, re.DOTALL)
    assert page.count('aria-current="step"') == 1
    newest = history[history.index('aria-current="step"') :]
    assert newest.index("On its way") < newest.index("Packed") < newest.index("Payment received")


def test_how_far_it_is_stands_in_words_before_the_bar(client: FlaskClient, shipped: UUID) -> None:
    page = part(client, shipped)
    assert page.index("Step 3 of 4: On its way") < page.index('aria-hidden="true"')


def test_several_parcels_each_have_their_lines_step_and_status(
    client: FlaskClient, stores: Stores, process: Process, bought: UUID, skus: tuple[str, str]
) -> None:
    lamp, mug = skus
    pack(stores, bought, ParcelLine(lamp, 2), carrier="UPS", code="1Z 999")
    pack(stores, bought, ParcelLine(mug, 1), carrier="Corner Couriers", code="CC-1")
    report(stores, process, "1Z999", P.DELIVERED, place="Front porch")
    report(stores, process, "CC-1", P.IN_TRANSIT)
    page = part(client, bought)
    first, second = re.findall(r'<li class="parcel .*?</li>\s*(?=<li class="parcel |</ul>)', page, re.DOTALL)
    assert 'data-parcel="1Z 999" data-parcel-status="delivered"' in " ".join(first.split())
    assert "Parcel 1 of 2" in first
    assert "Step 4 of 4: Delivered" in first
    assert "Brass lamp" in first
    assert 'href="https://www.ups.com/track?tracknum=1Z999"' in first
    assert 'rel="noopener noreferrer"' in first
    assert "Step 2 of 4: On its way" in second
    assert "Stoneware &lt;mug&gt;" in second
    assert "Brass lamp" not in second
    assert "Corner Couriers" in second
    assert "href" not in second, "nobody knows their page"
    left = page[page.index("Still being packed") :]
    assert "Stoneware &lt;mug&gt;" in left[: left.index("What has happened")]
    assert headline(client, bought).startswith("One of two parcels delivered. Get the rest ")
    history = page[page.index("<ol") :]
    assert "Parcel 1" in history
    assert "Parcel 2" in history


def test_what_has_not_left_can_be_cancelled_and_readdressed_on_the_page(
    client: FlaskClient, stores: Stores, process: Process, bought: UUID, skus: tuple[str, str]
) -> None:
    assert 'name="rest"' not in client.get(url(bought)).text, "all of it can be cancelled"
    pack(stores, bought, ParcelLine(skus[0], 4), code="LEFT-1")
    report(stores, process, "LEFT-1", P.IN_TRANSIT)
    page = client.get(url(bought)).text
    assert "Cancel what hasn’t left" in page
    assert "Correct the address of what hasn’t left</a>" in page
    assert "What has left already goes there." in client.get(url(bought, "address")).text
    # A page from before it left asked for all of it.
    refused = client.post(url(bought, "cancellation"))
    assert refused.status_code == 409
    assert "What has not can still be cancelled" in refused.text
    assert client.post(url(bought, "cancellation"), data={"rest": "1"}).status_code == 303
    work(process)
    page = client.get(url(bought)).text
    assert "Cancelled in part" in page
    assert "You cancelled what had not left yet. For 2 × Stoneware &lt;mug&gt;." in page
    assert "$24.00 for 2 × Stoneware &lt;mug&gt; is on its way back" in page
    assert "Cancel what hasn’t left" not in page
    assert 'data-status="shipped"' in page
    assert client.post(url(bought, "cancellation"), data={"rest": "1"}).status_code == 409


def test_a_withdrawn_parcel_is_shown_no_more(
    client: FlaskClient, stores: Stores, process: Process, bought: UUID
) -> None:
    pack(stores, bought, code="GONE-1")
    parcels.cancel(stores, stores.parcels.find("GONE-1")[0])
    work(process)
    page = part(client, bought)
    assert "GONE-1" not in page
    assert "Taken out of its parcel" in page


def test_a_returned_parcel_says_so_promises_no_day_and_asks_no_more(
    client: FlaskClient, stores: Stores, process: Process, shipped: UUID
) -> None:
    """It once read "On its way to you, get it Mon", and polled for ever."""
    (parcel,) = stores.parcels.of(shipped)
    report(stores, process, parcel.tracking_code, P.RETURNED, message="Refused at the door")
    page = part(client, shipped)
    assert headline(client, shipped) == "On its way back to us"
    assert 'data-delivery="returned"' in page
    assert "Get it" not in page
    assert "Expected" not in page
    assert "Our team has been told" in page
    assert stores.attention.open(), "what the page says is true"
    assert poll(page) is None
    row = client.get("/orders").text
    assert "On its way back to us" in row
    assert "Get it" not in row


def test_what_becomes_of_a_returned_parcel_is_told(
    client: FlaskClient, stores: Stores, process: Process, shipped: UUID
) -> None:
    (parcel,) = stores.parcels.of(shipped)
    report(stores, process, parcel.tracking_code, P.RETURNED)
    pack(stores, shipped, code="AGAIN-1")
    assert stores.parcels.of(shipped)[0].settled is Settlement.SENT_AGAIN
    work(process)
    page = part(client, shipped)
    assert "We have sent what was in it again" in page
    assert 'data-parcel="AGAIN-1"' in page
    assert "Our team has been told" not in page
    assert poll(page) is not None, "something is on its way again"


def test_one_parcel_that_comes_back_keeps_the_other_asked_for(
    client: FlaskClient, stores: Stores, process: Process, bought: UUID, skus: tuple[str, str]
) -> None:
    pack(stores, bought, ParcelLine(skus[0], 2), code="BACK-1")
    pack(stores, bought, code="ON-2")
    report(stores, process, "BACK-1", P.RETURNED)
    report(stores, process, "ON-2", P.IN_TRANSIT)
    page = part(client, bought)
    assert headline(client, bought) == "One of two parcels is on its way back to us"
    assert poll(page) is not None


@pytest.mark.parametrize(
    ("status", "more", "words"),
    [
        (P.OUT_FOR_DELIVERY, {}, "Out for delivery today"),
        (P.EXCEPTION, {"message": "Nobody at home"}, "Couldn’t be delivered: nobody at home"),
        (P.AVAILABLE_FOR_PICKUP, {"place": "Corner Shop"}, "Waiting for you at Corner Shop"),
        (P.LOST, {}, "Your parcel got lost on the way"),
        (P.DELIVERED, {}, "Delivered today"),
    ],
)
def test_the_page_begins_with_what_the_carrier_says(
    client: FlaskClient,
    stores: Stores,
    process: Process,
    shipped: UUID,
    status: ParcelStatus,
    more: dict[str, str],
    words: str,
) -> None:
    (parcel,) = stores.parcels.of(shipped)
    report(stores, process, parcel.tracking_code, status, **more)
    assert headline(client, shipped) == words
    assert f"<title>Order {stores.orders.summary(shipped).number}: {words}" in client.get(url(shipped)).text


def test_a_later_day_is_told_with_the_promised_one(
    client: FlaskClient, stores: Stores, process: Process, shipped: UUID
) -> None:
    (parcel,) = stores.parcels.of(shipped)
    later = datetime.now(UTC).date() + timedelta(days=20)
    report(stores, process, parcel.tracking_code, P.IN_TRANSIT, estimated=later)
    assert re.fullmatch(
        r"Delayed: now \w{3} \d+ \w{3}, it was promised for \w{3} \d+ \w{3}", headline(client, shipped)
    )
    page = part(client, shipped)
    assert 'data-delivery="delayed"' in page
    assert "Running late" in page


def test_markup_from_a_carrier_is_shown_as_text(
    client: FlaskClient, stores: Stores, process: Process, bought: UUID
) -> None:
    evil = "<script>x</script>"
    pack(stores, bought, carrier=f"A{evil}", code=f'1"{evil}')
    report(stores, process, f'1"{evil}', P.AVAILABLE_FOR_PICKUP, place=evil, message=evil)
    page = client.get(url(bought)).text
    assert "<script>x" not in page
    assert "Waiting for you at &lt;script&gt;" in page


def test_of_many_steps_the_newest_fifty_are_shown(
    client: FlaskClient, stores: Stores, process: Process, bought: UUID
) -> None:
    pack(stores, bought, code="FAR-1")
    start = datetime.now(UTC)
    for number in range(60):
        at = start + timedelta(seconds=number)
        carrier_events.record(stores, event("FAR-1", P.IN_TRANSIT, at, place=f"Town {number:02d}."))
    work(process, rounds=3)
    page = part(client, bought)
    history = page[page.index("<ol") :]
    shown = re.findall(r"Town (\d\d)\.", history)
    assert shown == [f"{number:02d}" for number in range(59, 9, -1)]


# --- while DynamoDB is unavailable


def test_21_without_dynamodb_the_page_is_whole_and_says_as_of_when(
    client: FlaskClient, stores: Stores, shipped: UUID
) -> None:
    with without_dynamodb():
        page = client.get(url(shipped))
    (parcel,) = stores.parcels.of(shipped)
    assert page.status_code == 200
    for words in ("as of", parcel.carrier, parcel.tracking_code, "Salem", 'data-delivery="in_transit"'):
        assert words in page.text
    assert "Collected from the shop" in page.text, "what carriers said is in Aurora too"
    assert "not found" not in page.text.lower()


def test_a_part_of_the_copy_is_shown_anew_once_dynamodb_is_back_and_not_before(
    client: FlaskClient, shipped: UUID
) -> None:
    with without_dynamodb():
        again = poll(client.get(url(shipped)).text)
        assert again
        assert client.get(again, headers=PART).status_code == 204
    answer = client.get(again, headers=PART)
    assert answer.status_code == 200
    assert "as of" not in answer.text


# --- asking again


def test_the_polled_part_is_a_part_for_htmx_and_a_page_without(client: FlaskClient, shipped: UUID) -> None:
    answer = client.get(url(shipped, "tracking"), headers=PART)
    assert "<html" not in answer.text
    assert answer.text.strip().startswith("<")
    assert "HX-Request" in answer.headers["Vary"]
    whole = client.get(url(shipped, "tracking"))
    assert "<html" in whole.text
    assert "HX-Request" in whole.headers["Vary"]
    restored = client.get(url(shipped, "tracking"), headers={**PART, "HX-History-Restore-Request": "true"})
    assert "<html" in restored.text


def test_polling_says_nothing_new_until_something_is(
    client: FlaskClient, stores: Stores, process: Process, shipped: UUID, calls: list[str]
) -> None:
    again = poll(client.get(url(shipped)).text)
    assert again
    calls.clear()
    assert client.get(again, headers=PART).status_code == 204
    assert calls == [], "Aurora knows whether there is news"
    tell(stores, shipped, P.DELIVERED, minutes=5)
    work(process)
    answer = client.get(again, headers=PART)
    assert answer.status_code == 200
    assert 'data-status="delivered"' in answer.text
    assert poll(answer.text) is None, "nothing can change any more"


def test_a_part_that_is_older_than_aurora_is_asked_for_until_it_is_not(
    client: FlaskClient, stores: Stores, process: Process, shipped: UUID
) -> None:
    """Read between Aurora's change and DynamoDB's, it must not be "nothing new" for ever."""
    tell(stores, shipped, P.DELIVERED, minutes=5)
    between = part(client, shipped)
    assert 'data-status="delivered" data-delivery="in_transit"' in " ".join(between.split())
    again = poll(between)
    assert again, "though the order is delivered"
    assert client.get(again, headers=PART).status_code == 204, "nothing to show yet"
    work(process)
    answer = client.get(again, headers=PART)
    assert answer.status_code == 200
    assert 'data-delivery="delivered"' in answer.text
    assert poll(answer.text) is None


def test_what_somebody_else_says_that_they_have_seen_is_answered_with_the_part(
    client: FlaskClient, shipped: UUID
) -> None:
    for seen in ("", "x", "0", "shipped"):
        address = url(shipped, f"tracking?seen={seen}")
        assert client.get(address, headers=PART).status_code == 200


def test_a_refunded_order_asks_until_the_money_is_back(
    client: FlaskClient, stores: Stores, process: Process, shipped: UUID
) -> None:
    refunds.refund(stores, shipped, restock=False, reason=RefundReason.OPERATOR)
    page = part(client, shipped)
    assert headline(client, shipped) == "Your money is going back"
    assert poll(page) is not None


# --- what it costs


def test_an_order_takes_four_statements_and_one_query(
    client: FlaskClient, shipped: UUID, statements: list[str], calls: list[str]
) -> None:
    client.get(url(shipped))
    statements.clear()
    calls.clear()
    assert client.get(url(shipped)).status_code == 200
    assert len(statements) <= 4, statements
    assert calls == ["Query"]


def test_asked_again_with_nothing_new_it_takes_a_look_at_the_shopper_and_one_at_the_order(
    client: FlaskClient, shipped: UUID, statements: list[str], calls: list[str]
) -> None:
    address = poll(part(client, shipped))
    assert address
    statements.clear()
    calls.clear()
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 204
    assert len(statements) <= 2, statements
    assert calls == []


def test_an_unpaid_order_asks_dynamodb_nothing(
    client: FlaskClient, stores: Stores, skus: tuple[str, str], calls: list[str]
) -> None:
    add(client, skus[0])
    order_id = order(stores, skus[0], user_id=user_of(client))  # type: ignore[arg-type]
    calls.clear()
    client.get(url(order_id))
    assert calls == []
