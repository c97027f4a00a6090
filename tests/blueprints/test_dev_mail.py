"""Every mail can be read at /dev/mail while stand-ins run, and nowhere else."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from storefront.process import Process
from storefront.services import mail
from storefront.stores import Stores
from tests.support.factories import order
from tests.support.mailbox import Mailbox


@pytest.fixture
def sent(process: Process, stores: Stores, mailbox: Mailbox) -> str:
    """One mail was sent; its id."""
    mail.send_password_reset(process.mailer, "ada@example.com", "Ada", "http://127.0.0.1/x?a=1&b=<2>")
    (path,) = mailbox.folder.glob("*.eml")
    return path.stem


def test_a_mail_is_listed_and_read(client: FlaskClient, sent: str) -> None:
    page = client.get("/dev/mail")
    assert page.status_code == 200
    assert f"/dev/mail/{sent}" in page.text
    assert "Choose a new password" in page.text
    assert "ada@example.com" in page.text

    page = client.get(f"/dev/mail/{sent}")
    assert "Hello Ada" in page.text
    assert "http://127.0.0.1/x?a=1&amp;b=" in page.text
    assert f'src="/dev/mail/{sent}/html"' in page.text
    frame = re.search(r"<iframe[^>]*>", page.text)
    assert frame is not None
    assert "sandbox=" in frame[0]
    assert "allow-scripts" not in frame[0]
    assert "allow-same-origin" not in frame[0]


def test_the_html_of_a_mail_can_do_nothing(client: FlaskClient, sent: str) -> None:
    answer = client.get(f"/dev/mail/{sent}/html")
    assert answer.content_type == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "sandbox" in policy
    assert "script" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<2>" not in answer.text


def test_the_source_is_plain_text(client: FlaskClient, sent: str) -> None:
    answer = client.get(f"/dev/mail/{sent}/source")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "Auto-Submitted: auto-generated" in answer.text


def test_without_stand_ins_there_is_no_such_page(client: FlaskClient, process: Process, sent: str) -> None:
    process.settings.standins = False
    for path in ("/dev/mail", f"/dev/mail/{sent}", f"/dev/mail/{sent}/html", f"/dev/mail/{sent}/source"):
        assert client.get(path).status_code == 404


def test_without_a_folder_there_is_no_such_page(client: FlaskClient, process: Process, sent: str) -> None:
    process.settings.mail_folder = ""
    assert client.get("/dev/mail").status_code == 404


@pytest.mark.parametrize(
    "name", ["nothing", "..", "%2e%2e%2fdynamodb", "..%2f..%2fdynamodb.jsonl", "*", "%00"]
)
def test_no_name_leads_out_of_the_folder(client: FlaskClient, sent: str, name: str) -> None:
    for path in (f"/dev/mail/{name}", f"/dev/mail/{name}/html", f"/dev/mail/{name}/source"):
        assert client.get(path).status_code in (301, 308, 404)


def test_an_empty_box_says_what_to_do(client: FlaskClient, mailbox: Mailbox, stores: Stores) -> None:
    order(stores)
    assert "No mail yet" in client.get("/dev/mail").text
