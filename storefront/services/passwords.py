"""Passwords: hashed by argon2id, checked in the same time whether there is an account or not."""

from __future__ import annotations

import re
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from storefront.domain.accounts import PASSWORD_LEAST, PASSWORD_MOST
from storefront.domain.errors import Invalid
from storefront.services.common_passwords import WORDS

# OWASP's password storage cheat sheet: 19 MiB, two passes, one lane (34 ms here).
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

NOBODYS = (
    f"$argon2id$v={ARGON2_VERSION}"
    f"$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)
"""A salt and a hash of zeros by the same parameters. Nothing is computed to have it: a real one made at the
first try without an account would give that try away by taking twice the time."""

COMMON = frozenset(WORDS.split())

_SWAPPED = str.maketrans("01345789@$!|+", "oieastbgasilt")
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1a2b3c4d5e6f7g8h9i0j",
    "a1b2c3d4e5f6g7h8i9j0",
    "!@#$%^&*()",
    "147258369",
    "741852963",
    "789456123",
    "159357456",
)
_EDGES = re.compile(r"^[\W\d_]{0,4}(.*?)[\W\d_]{0,6}$", re.DOTALL)


def check(password: str, *personal: str) -> None:
    """Hold a new password to its length, and refuse the commonest and what everybody knows of its owner.

    Raises:
        Invalid: with words for the field ``password``.
    """
    words = ""
    if len(password) < PASSWORD_LEAST:
        words = f"Use at least {PASSWORD_LEAST} characters"
    elif len(password) > PASSWORD_MOST:
        words = f"Use at most {PASSWORD_MOST} characters"
    elif is_common(password):
        words = "This password is one of the first that anybody would try. Choose another"
    elif password.casefold() in {part for text in personal for part in _parts(text)}:
        words = "This password is your name or e-mail address. Choose another"
    if words:
        raise Invalid(errors={"password": words})


def is_common(password: str) -> bool:
    """Whether it is one of the commonest, or one of their usual variations."""
    text = _normal(password).casefold()
    if _repeats(text) or any(text in row or text in row[::-1] for row in _ROWS):
        return True
    edges = _EDGES.match(text)
    bases = {text, edges[1] if edges else text}
    return any(base in COMMON or base.translate(_SWAPPED) in COMMON for base in bases)


def _repeats(text: str) -> bool:
    """One to four characters over and over, such as ``aaaaaaaa`` and ``testtest``."""
    return any((text[:n] * (len(text) // n + 1)).startswith(text) for n in (1, 2, 3, 4))


def _parts(text: str) -> set[str]:
    text = text.casefold()
    return {text, text.partition("@")[0], text.replace(" ", "")} - {""}


def hash_password(password: str) -> str:
    return _hasher.hash(_normal(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. Without an account, a hash of nobody's is tried, which takes as long."""
    try:
        _hasher.verify(password_hash or NOBODYS, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def _normal(password: str) -> str:
    """The same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFC", password)
