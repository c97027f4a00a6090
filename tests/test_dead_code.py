"""No code that nothing uses; what only a library calls has its decorator here, or its name and the caller."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from jinja2 import Environment, nodes
from vulture.core import Item, Vulture

ROOT = Path(__file__).parents[1]

# Called by the library whose decorator it is.
REGISTERED = [
    *("@*.route", "@*.get", "@*.post", "@*.delete", "@*.endpoint"),
    *("@*.before_request", "@*.after_request", "@*.teardown_request", "@*.teardown_appcontext"),
    *("@*.errorhandler", "@*.app_errorhandler", "@*.context_processor", "@*.app_context_processor"),
    *(
        "@field_validator",
        "@model_validator",
        "@event.listens_for",
        "@pytest.fixture",
        "@against",
        "@rule*",
        "@precondition*",
        "@invariant*",
    ),
]

# Called or read because of its name, and by whom.
USED_BY_NAME = {
    "log_request": "werkzeug's server",
    "trust_env": "requests",
    "enable_telemetry": "stripe",
    "jinja_environment": "Flask",
    "jinja_options": "Flask",
    "session_interface": "Flask",
    "max_age": "werkzeug's cache_control",
    "permanent": "Flask's session",
    "modified": "Flask's session",
    "model_config": "pydantic",
    "type_annotation_map": "SQLAlchemy's declarative base",
    "impl": "SQLAlchemy's types",
    "cache_ok": "SQLAlchemy's types",
    "process_bind_param": "SQLAlchemy's types",
    "process_result_value": "SQLAlchemy's types",
    "dialect": "SQLAlchemy's types hand it on",
    "SearchWord": "SQLAlchemy's metadata: the table is filled and read by SQL",
    "CategoryRow": "as above",
    "ListMark": "as above",
    "AttributeValueTypeDef": "named in the strings of type aliases",
    "SecretId": "boto3, by the name of the argument",
    "ConditionExpression": "boto3, by the key of a typed dictionary",
    "ExpressionAttributeNames": "as above",
    "ExpressionAttributeValues": "as above",
    "ReturnValuesOnConditionCheckFailure": "as above",
    "SharedWindows": "limits, by its scheme",
    "STORAGE_SCHEME": "limits",
    "base_exceptions": "limits",
    "is_disconnect": "SQLAlchemy's context of an error",
    "collect": "prometheus-client",
    "get_id": "flask-login",
    "add_context_processor": "flask-login's signature",
    "_load_user": "flask-login",
    "field_flags": "WTForms",
    "aurora_unavailable": "asked of g by g.get",
    "dynamodb_unavailable": "asked of g by g.get",
    "session_over": "asked of g by g.get",
}

# Built and tested, and not yet wired.
AWAITED = {"tracking_page"}

# As USED_BY_NAME, in tests.
USED_BY_NAME_IN_TESTS = {
    "test_*": "pytest",
    "pytest_*": "pytest",
    "do_POST": "http.server",
    "log_message": "http.server",
}

SHOP = ("storefront", "standins", "bench", "wsgi.py")
TEMPLATES = [*ROOT.glob("templates/**/*.*"), *ROOT.glob("standins/*/templates/*.html")]


def names_in_templates() -> set[str]:
    """Attributes and filters, so that what only a page reads counts as used."""
    found = set()
    for path in TEMPLATES:
        tree = Environment(extensions=["jinja2.ext.do"], autoescape=True).parse(path.read_text())
        found |= {node.attr for node in tree.find_all(nodes.Getattr)}
        found |= {node.name for node in tree.find_all(nodes.Filter)}
    return found


def unused(*places: str) -> list[Item]:
    vulture = Vulture(ignore_decorators=REGISTERED)
    vulture.scavenge([ROOT / place for place in places], exclude=["*/migrations/versions/*"])
    vulture.scan("\n".join(f"_.{name}" for name in sorted(names_in_templates())), filename="templates")
    return list(vulture.get_unused_code())


def _within(folder: str, item: Item) -> bool:
    return Path(item.filename).is_relative_to(ROOT / folder)


def where(item: Item) -> str:
    return f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno} {item.typ} {item.name}"


def test_everything_in_the_shop_is_used_by_something_but_tests() -> None:
    dead = [item for item in unused(*SHOP) if not _within("bench", item)]
    assert [where(item) for item in dead if item.name not in {*USED_BY_NAME, *AWAITED}] == []
    assert USED_BY_NAME.keys() - {item.name for item in dead} == set(), "listed without need"


def test_everything_in_tests_and_measurements_is_used() -> None:
    """Arguments and variables are left to ruff: here they are fixtures."""
    dead = [
        item
        for item in unused(*SHOP, "tests")
        if _within("tests", item) or _within("bench", item)
        if item.typ in ("function", "method", "class")
    ]
    assert [
        where(item)
        for item in dead
        if not any(fnmatchcase(item.name, name) for name in USED_BY_NAME_IN_TESTS)
    ] == []


def test_what_nothing_uses_is_found() -> None:
    vulture = Vulture(ignore_decorators=REGISTERED)
    vulture.scan("@app.route('/')\ndef page(): ...\ndef forgotten(): ...\n")
    assert [item.name for item in vulture.get_unused_code()] == ["forgotten"]
