"""A mail's headers are ours alone, whatever a shopper puts into a name or an address."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storefront.mail.message import Letter, MailRefused, Recipient, build, one_line, polite_name

SENDER = Recipient("shop@example.com")
OURS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
}
CONTROLS = [
    "\r\n",
    "\n",
    "\r",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1b",
    "\x85",
    "\u2028",
    "\u2029",
    "\u202e",
    "\ud800",
]


def header_lines(raw: bytes) -> list[bytes]:
    return raw.partition(b"\r\n\r\n")[0].split(b"\r\n")


def made(
    name: str = "Ada Marsh", subject: str = "Hello", shop: str = "Larkfield", reference: str = "a1"
) -> bytes:
    letter = Letter(Recipient("ada@example.com", name), subject, "Text\n", "<p>HTML</p>", reference)
    return build(letter, SENDER, shop).as_bytes()


def names_of(raw: bytes) -> list[str]:
    return list(message_from_bytes(raw, policy=default).keys())


@pytest.mark.parametrize("control", CONTROLS)
def test_a_break_in_a_name_a_subject_or_the_shops_name_adds_no_header(control: str) -> None:
    evil = f"Ada{control}Bcc: all@example.org"
    raw = made(name=evil, subject=evil, shop=evil, reference=evil)
    assert set(names_of(raw)) == OURS
    assert len(names_of(raw)) == len(OURS)
    assert not any(line.lower().startswith(b"bcc") for line in header_lines(raw))
    mail = message_from_bytes(raw, policy=default)
    assert mail["Subject"] == "Ada Bcc: all@example.org"
    assert [a.addr_spec for a in mail["To"].addresses] == ["ada@example.com"]
    assert [a.addr_spec for a in mail["From"].addresses] == ["shop@example.com"]


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=200))
def test_no_text_at_all_adds_a_header_or_an_address(text: str) -> None:
    raw = made(name=text, subject=text, shop=text, reference=text)
    mail = message_from_bytes(raw, policy=default)
    assert len(names_of(raw)) == len(OURS)
    assert set(names_of(raw)) == OURS
    assert [a.addr_spec for a in mail["To"].addresses] == ["ada@example.com"]
    assert [a.addr_spec for a in mail["From"].addresses] == ["shop@example.com"]
    assert all(line[:1] == b" " or b":" in line for line in header_lines(raw))


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com\r\nBcc: eve@example.org",
        "ada@example.com\n",
        "ada@example.com, eve@example.org",
        "ada@example.com;eve@example.org",
        "Ada <ada@example.com>",
        '"a\r\nb"@example.com',
        "ada@example.com\x00",
        "ada@exam\u2028ple.com",
        "ada@[127.0.0.1]",
        "ädä@example.com",
        "ada",
        "",
        "ada@" + "a" * 64 + ".com",
    ],
)
def test_what_is_not_one_address_gets_no_mail(address: str) -> None:
    with pytest.raises(MailRefused) as refused:
        Recipient(address)
    assert "ada" not in str(refused.value)


def test_an_international_domain_is_written_in_ascii() -> None:
    assert Recipient("ada@bücher.de").email == "ada@xn--bcher-kva.de"


@pytest.mark.parametrize(
    "name", ["Ada Marsh", "O'Brien", "Anne-Marie Núñez", "J. R. Müller", "王小明", "Sr. Dr. Ó Súilleabháin"]
)
def test_names_are_greeted_as_they_are(name: str) -> None:
    assert polite_name(name) == name
    mail = message_from_bytes(made(name=name), policy=default)
    assert mail["To"].addresses[0].display_name == name


@pytest.mark.parametrize(
    "name",
    [
        "Win at evil.example",
        "https://evil.example",
        "WWW evil",
        "call 0900 123",
        "eve@evil.example",
        "<b>Ada</b>",
        "A" * 61,
    ],
)
def test_an_advertisement_is_no_name(name: str) -> None:
    assert polite_name(name) == ""


def test_one_line_keeps_to_its_length() -> None:
    assert one_line("  a \r\n\t b  ", 10) == "a b"
    assert one_line("x" * 500, 150) == "x" * 150
