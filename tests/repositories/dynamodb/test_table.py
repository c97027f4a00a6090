"""One table: items in and out, conditions, all pages, conflicts, and requests that strict engines take."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from storefront.config import Settings
from storefront.domain.accounts import Login, ResetLink, SavedAddress, SavedCard
from storefront.domain.deliveries import Shipment
from storefront.domain.errors import StoreUnavailable
from storefront.domain.order_views import Event
from storefront.domain.orders import EventKind
from storefront.domain.parcels import ShipmentStatus
from storefront.process import Process
from storefront.repositories.dynamodb import keys, table
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.outbox import AccountMail
from storefront.repositories.dynamodb.table import (
    EXISTS,
    MISSING,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    Update,
)
from tests.support.accounts import TOLD, profile
from tests.support.factories import ADDRESS


@pytest.fixture
def users(settings: Settings) -> Table:
    dynamodb = DynamoDB(settings)
    return Table(dynamodb, dynamodb.users)


@pytest.fixture
def partition() -> Item:
    return keys.customer(uuid4())


def item(partition: Item, name: str, text: str = "x") -> Item:
    return {**partition, "item": {"S": name}, "text": {"S": text}}


def names(found: Iterator[Item]) -> list[str]:
    return [keys.sort_key(one) for one in found]


def test_an_item_is_put_read_changed_and_deleted(users: Table, partition: Item) -> None:
    one = item(partition, "a")
    assert users.get(keys.of(one)) is None
    users.write(Put(one))
    assert users.get(keys.of(one)) == one
    change = Update(keys.of(one), "SET hits = :hits", {":hits": {"N": "3"}})
    assert users.write(change) == {"hits": {"N": "3"}}
    assert users.get(keys.of(one)) == {**one, "hits": {"N": "3"}}
    users.write(Delete(keys.of(one)))
    users.write(Delete(keys.of(one)))
    assert users.get(keys.of(one)) is None


def test_a_condition_that_does_not_hold_writes_nothing(users: Table, partition: Item) -> None:
    one, other = item(partition, "a"), item(partition, "a", "other")
    for action in (Put(one, EXISTS), Update(keys.of(one), "SET hits = :n", {":n": {"N": "1"}}, when=EXISTS)):
        with pytest.raises(ConditionFailed):
            users.write(action)
    assert users.get(keys.of(one)) is None
    users.write(Put(one, MISSING))
    with pytest.raises(ConditionFailed):
        users.write(Put(other, MISSING))
    with pytest.raises(ConditionFailed):
        users.write(Delete(keys.of(one), Condition("#t = :t", {":t": {"S": "other"}}, {"#t": "text"})))
    assert users.get(keys.of(one)) == one


def test_a_transaction_is_all_or_nothing(users: Table, partition: Item) -> None:
    one, two = item(partition, "a"), item(partition, "b")
    with pytest.raises(ConditionFailed):
        users.transact(Put(one), Check(keys.of(two), EXISTS))
    assert names(users.query(partition)) == []
    users.transact(Put(one), Put(two, MISSING))
    assert names(users.query(partition)) == ["a", "b"]
    users.transact(Delete(keys.of(one)), Check(keys.of(two), EXISTS))
    assert names(users.query(partition)) == ["b"]


# --- pages


def test_a_query_reads_all_pages_and_no_other_partition(users: Table, partition: Item) -> None:
    for n in range(7):
        users.write(Put(item(partition, f"a#{n}")))
    users.write(Put(item(partition, "b#0")))
    users.write(Put(item(keys.customer(uuid4()), "a#8")))
    assert names(users.query(partition, "a#", page=3)) == [f"a#{n}" for n in range(7)]
    assert len(names(users.query(partition, page=4))) == 8


def test_more_than_dynamodb_answers_at_once_is_read_to_its_end(users: Table, partition: Item) -> None:
    for n in range(8):
        users.write(Put(item(partition, f"a#{n}", "x" * 200_000)))
    assert names(users.query(partition)) == [f"a#{n}" for n in range(8)]
    # What one request alone would have read.
    answer = users._dynamodb.client.query(
        TableName=users._name,
        KeyConditionExpression="user_id = :p",
        ExpressionAttributeValues={":p": partition["user_id"]},
    )
    assert len(answer["Items"]) < 8


def test_the_next_page_is_asked_for_only_when_it_is_wanted(users: Table, partition: Item) -> None:
    for n in range(4):
        users.write(Put(item(partition, f"a#{n}")))
    asked = requests_of(users._dynamodb)
    found = users.query(partition, page=2)
    next(found), next(found)
    assert len(asked) == 1
    next(found)
    assert len(asked) == 2


# --- answers that moto never gives, made here

CANCELLED = "TransactionCanceledException"


def cancelled(*codes: str) -> dict[str, Any]:
    return {"__type": CANCELLED, "CancellationReasons": [{"Code": code} for code in codes]}


class Scripted:
    """A DynamoDB that gives these answers, the last one over and over."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.requests: list[dict[str, Any]] = []
        scripted = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                scripted.requests.append(json.loads(self.rfile.read(length)))
                answer = answers[min(len(scripted.requests), len(answers)) - 1]
                body = json.dumps(answer).encode()
                self.send_response(400 if "__type" in answer else 200)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def answering(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    running: list[Scripted] = []

    def start(*answers: dict[str, Any], **how: Any) -> tuple[Table, Scripted]:
        made = Scripted(*answers)
        running.append(made)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", made.address)
        return Table(DynamoDB(settings), "any", **how), made

    yield start
    for one in running:
        one.stop()


def test_a_transaction_that_met_others_is_written_again(answering: Any, partition: Item) -> None:
    met = cancelled("None", "TransactionConflict")
    users, dynamodb = answering(met, met, {})
    users.transact(Put(item(partition, "a")), Put(item(partition, "b")))
    assert len(dynamodb.requests) == 3
    assert dynamodb.requests[0]["TransactItems"] == dynamodb.requests[2]["TransactItems"]


def test_so_is_a_single_write(answering: Any, partition: Item) -> None:
    users, dynamodb = answering({"__type": "TransactionConflictException"}, {})
    users.write(Put(item(partition, "a")))
    assert len(dynamodb.requests) == 2


def test_conflicts_without_end_are_told_as_unavailable(answering: Any, partition: Item) -> None:
    users, dynamodb = answering(cancelled("TransactionConflict"))
    with pytest.raises(StoreUnavailable):
        users.transact(Put(item(partition, "a")))
    assert len(dynamodb.requests) == table.CONFLICT_TRIES


def test_a_failed_condition_beside_a_conflict_is_final(answering: Any, partition: Item) -> None:
    users, dynamodb = answering(cancelled("TransactionConflict", "ConditionalCheckFailed"))
    with pytest.raises(ConditionFailed):
        users.transact(Put(item(partition, "a")), Put(item(partition, "b"), MISSING))
    assert len(dynamodb.requests) == 1


def test_a_transaction_that_can_never_pass_is_an_error_of_ours(answering: Any, partition: Item) -> None:
    users, dynamodb = answering(cancelled("ValidationError"))
    with pytest.raises(ClientError):
        users.transact(Put(item(partition, "a")))
    assert len(dynamodb.requests) == 1


def test_what_a_batch_left_out_is_asked_for_again(answering: Any, partition: Item) -> None:
    first, second = item(partition, "a"), item(partition, "b")
    left = {"any": {"Keys": [keys.of(second)], "ConsistentRead": True}}
    users, dynamodb = answering(
        {"Responses": {"any": [first]}, "UnprocessedKeys": left},
        {"Responses": {}, "UnprocessedKeys": left},
        {"Responses": {"any": [second]}, "UnprocessedKeys": {}},
    )
    assert users.get_many([keys.of(first), keys.of(second)], ["item"]) == [first, second]
    assert dynamodb.requests[1]["RequestItems"] == left
    users, dynamodb = answering({"Responses": {}, "UnprocessedKeys": left}, throttle_pauses=(0.0, 0.0))
    with pytest.raises(StoreUnavailable):
        users.get_many([keys.of(first), keys.of(second)], ["item"])
    assert len(dynamodb.requests) == 3


# --- strict engines


def requests_of(dynamodb: DynamoDB) -> list[dict[str, Any]]:
    """Every request that is sent from now on, as it was before it became bytes."""
    sent: list[dict[str, Any]] = []
    dynamodb.client.meta.events.register(
        "provide-client-params.dynamodb", lambda params, **_: sent.append(params)
    )
    return sent


def parts(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A request's parts with expressions of their own."""
    yield request
    for action in request.get("TransactItems", []):
        yield from action.values()
    yield from request.get("RequestItems", {}).values()


def unused(part: dict[str, Any]) -> set[str]:
    """Names and values that no expression uses, or that are used and not given; empty maps count too."""
    used: set[str] = set()
    for name, expression in part.items():
        if name.endswith("Expression"):
            used |= set(re.findall(r"[#:]\w+", expression))
    given: set[str] = set()
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        given |= set(part.get(name, {}))
        if part.get(name) == {}:
            given.add(f"empty {name}")
    return used ^ given


def test_requests_give_the_names_and_values_that_they_use_and_no_others(process: Process) -> None:
    """DynamoDB refuses the rest; its stand-in does not always."""
    stores, ada = process.stores(), profile()
    sent = requests_of(process.dynamodb)
    stores.accounts.register(ada, "one")
    login = Login(ada.email, ada.user_id, "one")
    stores.accounts.rehash(login, "two")
    stores.accounts.change_password(Login(ada.email, ada.user_id, "two"), "three", TOLD)
    stores.accounts.end_sessions(ada.user_id)
    saved = SavedAddress(uuid4(), ADDRESS)
    stores.addresses.add(ada.user_id, saved)
    stores.addresses.change(ada.user_id, saved)
    stores.addresses.make_default(ada.user_id, saved.address_id)
    stores.addresses.delete(ada.user_id, saved.address_id)
    stores.addresses.delete(ada.user_id, saved.address_id)
    stores.cards.set_stripe_customer(ada.user_id, "cus_a")
    for token in ("pm_a", "pm_b"):
        stores.cards.add(ada.user_id, "cus_a", SavedCard("stripe", token, "visa", "4242", "12/34"))
    stores.cards.make_default(ada.user_id, "pm_b")
    stores.cards.remove(ada.user_id, "pm_b")
    link = ResetLink(uuid4().hex, ada.email, login.fingerprint)
    stores.password_resets.store(link, int(datetime.now(UTC).timestamp()) + 60)
    stores.password_resets.find(link.token_hash)
    stores.password_resets.use(link, Login(ada.email, ada.user_id, "three"), "four", TOLD)
    stores.accounts.for_account(ada.user_id)
    stores.accounts.delete(ada)
    order_id, now = uuid4(), datetime.now(UTC)
    shipment = Shipment(str(order_id), ShipmentStatus.PREPARING, date(2026, 11, 25), ADDRESS)
    stores.deliveries.create(shipment)
    step = {"status": "in_transit", "place": "Salem", "message": "On", "parcel_id": str(uuid4())}
    stores.deliveries.record(order_id, Event("carrier:e", now, EventKind.CARRIER, step))
    stores.deliveries.update(order_id, shipment)
    stores.deliveries.for_tracking(order_id)
    stores.deliveries.written([order_id])
    counter = uuid4().hex
    stores.counters.hit(counter, -1)
    stores.counters.hit(counter, 60)
    stores.counters.read(counter)
    stores.counters.clear(counter)
    stores.outbox.put(AccountMail.NOTHING, "nobody@example.com", {}, lifetime=timedelta(hours=1))
    for waiting in stores.outbox.claim(5, timedelta(hours=1)):
        stores.outbox.later(waiting.item, timedelta(0))
        stores.outbox.done(waiting.item)
    assert len(sent) > 35
    assert [(unused(part), part) for request in sent for part in parts(request) if unused(part)] == []


@pytest.mark.parametrize(
    "part",
    [
        {"ConditionExpression": "a = :a", "ExpressionAttributeValues": {":a": {}, ":b": {}}},
        {"ConditionExpression": "#a = :a", "ExpressionAttributeValues": {":a": {}}},
        {"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {}},
    ],
)
def test_control_a_request_that_gives_too_much_or_too_little_is_seen(part: dict[str, Any]) -> None:
    assert unused(part)
