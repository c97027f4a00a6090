"""Passwords: hashed by argon2id, checked in the same time whether there is an account or not."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from storefront.domain.accounts import PASSWORD_LEAST, PASSWORD_MOST
from storefront.domain.errors import Invalid

# OWASP's password storage cheat sheet: 19 MiB, two passes, one lane (34 ms here).
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# The words that lead every list of leaked passwords, without the digits, signs and swapped letters people
# put on them: those are taken off again before the look-up.
COMMON = frozenset(
    """
    password passwort passwd pass motdepasse contrasena contrasenha senha parola salasana wachtwoord haslo heslo
    losenord letmein letmeinnow welcome welcomehome admin administrator root toor master superuser user username
    guest test testing tester demo default changeme changeit newpassword mypassword password1 secret topsecret
    login signin logmein access open opensesame sesame abc abcd abcde abcdef abcdefg abcdefgh abcabc aaa
    qwerty qwertyu qwertyui qwertyuiop qwert qwer qwe qwertz qwertzu qwertzui qwertzuiop azerty azertyui azertyuiop
    asdf asdfg asdfgh asdfghj asdfghjk asdfghjkl asd zxc zxcv zxcvb zxcvbn zxcvbnm yxcvbnm qaz qazwsx qazwsxedc wsx
    edc qweasd qweasdzxc asdqwe asdzxc zaq zaqxsw zaqwsx poiuyt poiuytrewq mnbvcxz lkjhgfdsa ytrewq trewq fdsa
    iloveyou iloveu ilovey loveyou loveme love lovely lover lovers myself mylove iloveme sweet sweetie sweetheart
    honey baby babygirl babyboy princess prince queen king angel angels sunshine sunflower flower flowers rose
    rainbow butterfly summer winter spring autumn monday friday sunday january february march april june july august
    september october november december monkey dragon tiger lion eagle eagles shark dolphin dolphins panda bear
    bears kitty hellokitty kitten cat cats dog dogs puppy doggy horse horses pony bunny rabbit turtle fish wolf
    wolves fox falcon phoenix spider scorpion snake cobra viper raven hawk panther panthers cougar jaguar mustang
    football soccer baseball basketball hockey tennis golf rugby cricket swimming volleyball skater skateboard
    arsenal chelsea liverpool manchester manutd everton tottenham barcelona realmadrid juventus milan bayern
    yankees redsox cowboys lakers steelers packers giants rangers raiders broncos patriots celtics bulls
    superman batman spiderman ironman wolverine hulk thor avengers joker captain starwars startrek skywalker yoda
    vader matrix pokemon pikachu naruto goku sonic mario luigi zelda minecraft fortnite roblox warcraft diablo
    hunter ranger killer slayer ninja samurai warrior soldier pirate wizard merlin magic magical gandalf shadow
    ghost phantom demon devil satan lucifer hell heaven jesus jesuschrist christ god godisgood blessed faith hope
    grace trustno trustnoone nothing whatever forever freedom liberty peace power money cash dollar rich lucky
    winner champion diamond crystal silver golden gold platinum emerald ruby pearl orange apple banana cherry
    lemon mango peach strawberry chocolate cookie cookies candy sugar cheese pizza coffee pepper ginger
    michael michelle jessica jennifer ashley amanda nicole daniel daniela david andrew anthony matthew joshua
    robert thomas charlie charles george william james john johnny jordan justin brandon christian christopher
    jonathan benjamin samantha elizabeth melissa stephanie rebecca rachel sarah hannah emily emma olivia sophie
    sophia isabella victoria vanessa natalie andrea angela maria mariana laura lauren linda lisa barbara patricia
    alexander alexandra alexis alex martin martina carlos miguel alejandro antonio francisco fernando roberto
    ricardo sebastian santiago gabriel gabriela valentina camila claudia patrick patricio kevin brian steven
    steve scott jason eric ryan nicholas peter paul mark harley maggie molly buster bailey buddy lucky rocky
    max oscar tigger snoopy scooby garfield mickey minnie donald disney cinderella barbie elvis beatles metallica
    nirvana slipknot eminem blink greenday linkinpark music guitar piano drummer dancer dance rockstar rock star
    stars moon sun sky ocean river mountain beach island paradise fire ice water thunder lightning storm hurricane
    computer internet google facebook instagram twitter youtube yahoo hotmail gmail microsoft windows linux apple
    samsung nokia android iphone blackberry sony playstation xbox nintendo gamer hacker hacked server system
    database oracle cisco network wireless security private public company business office manager sales support
    america american usa canada mexico brazil brasil argentina colombia espana spain france paris london england
    germany deutschland berlin italia italy roma russia moscow india china japan tokyo australia sydney africa
    newyork california texas florida chicago boston dallas houston ferrari porsche mercedes bmw audi toyota honda
    yamaha suzuki corvette camaro subaru ducati harleydavidson student school teacher college university family
    mother mommy mummy mom father daddy dad brother sister friend friends bestfriend children happy smile smiley
    funny crazy sexy hottie cutie beautiful pretty purple yellow green blue black white red pink silver
    thankyou please hello helloworld goodbye fuckyou fuckoff fuck asshole bitch shit sex porn pussy
    """.split()
)

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
        _hasher.verify(password_hash or _nobodys(), _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def warm_up() -> None:
    """Make nobody's hash before the first sign-in needs it: made then, it would take twice the time."""
    _nobodys()


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash("the password of nobody")


def _normal(password: str) -> str:
    """The same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFC", password)
