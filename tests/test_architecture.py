"""Conventions that no type checker and no import contract can hold."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import PathConverter, Rule, UUIDConverter

from storefront import create_app
from storefront.config import Settings
from storefront.web.csrf import csrf
from tests.support.factories import order

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "storefront"
TESTS = ROOT / "tests"
STANDINS = ROOT / "standins"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html")) + sorted((ROOT / "templates").rglob("*.xml"))
ROUTE = re.compile(r"\.(route|get|post)\(")
SAFE = {"GET", "HEAD", "OPTIONS"}

# Views and blueprints whose posts carry no token, and why.
NO_TOKEN = {
    "storefront.blueprints.cart.routes.add": "its form stands on pages that are the same bytes for everybody",
    "storefront.blueprints.cart.routes.change": "as adding, and it changes nothing but one's own cart",
    "webhooks": "servers post there; every body is signed",
}

# What an address may hold besides uuids and skus, and why.
TEXT = {
    "token": "Stripe's id of a saved card, looked up among one's own",
    "drawing": "what a drawn picture depends on, signed",
    "version": "a fingerprint that says for how long a picture may be kept, and nothing else",
    "mail_id": "the name of a file, of the stand-in's mails in development only",
    "name": "of a picture, in which only certain letters are taken",
}

# Templates that mark something as safe, and why.
MARKS_SAFE = {"macros/icons.html": "paths of icons, written in the same file"}

# Who may read the environment besides config.py, and why.
READS_ENVIRONMENT = {
    "config.py": "the one reader of settings",
    "cli/develop.py": "hands settings on to the processes it starts",
    "cli/serve.py": "hands settings on to the processes it starts",
    "cli/commands.py": "hands settings on to the processes it starts",
    "web/metrics.py": "prometheus-client has a variable of its own",
    "tracing/__init__.py": "OpenTelemetry's variables are its own, and say whether to import it",
}

# Where the database's now() decides.
ASK_NO_CLOCK = (
    *("services/checkout", "services/payments", "services/holds", "services/cancellation"),
    *("repositories/aurora/orders", "repositories/aurora/stock", "repositories/aurora/carts"),
)

FILE_LINES = 300
FUNCTION_LINES = 50
VIEW_LINES = 25
STANDIN_LINES = 80
TEST_LINES = 500
REPLACED = 73
"""As many as there are: it may fall, and never rise."""
UNTESTED_LINES = 100
ANY_LINES = 40

# Larger modules whose tests have another name, and which.
TESTED_ELSEWHERE = {
    "audit/invariants/events.py": "audit/test_orders.py plants each",
    "cli/standins.py": "cli/test_serve.py",
    "domain/packing.py": "domain/test_parcels.py",
    "domain/order_views.py": "repositories/aurora/test_orders.py",
    "links.py": "web/test_order_access.py",
    "services/account_export.py": "blueprints/test_accounts.py",
    "formats.py": "web/test_filters.py",
    "payments/provider.py": "what Stripe's client must offer; payments/test_translation.py",
    "payments/stripe_cards.py": "services/payments/test_charging.py, against the stand-in",
    "payments/stripe_client.py": "services/payments/test_attempts.py, against the stand-in",
    "services/catalog_file.py": "services/test_catalog_import.py",
    "services/payments/paying_back.py": "services/payments/test_refunds.py",
    "web/login.py": "blueprints/test_accounts.py",
    "web/metrics.py": "blueprints/test_health.py",
}

COMMITS = ("repositories/aurora/database.py", "repositories/aurora/outcomes.py")
TRANSACTIONS = ("services/", "audit/", "cli/", "stores.py", *COMMITS)


def modules(package: Path = PACKAGE) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix(), ast.parse(path.read_text())


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none"))


@pytest.fixture(scope="module")
def rules(app: Flask) -> list[Rule]:
    return list(app.url_map.iter_rules())


# --- routes


def test_what_changes_something_is_a_post(rules: list[Rule]) -> None:
    odd = [rule.rule for rule in rules if (rule.methods or set()) - SAFE - {"POST"}]
    assert odd == [], "forms can only GET and POST, and only POST is checked for where it comes from"


def test_every_post_from_another_site_is_refused_before_anything_else(app: Flask, rules: list[Rule]) -> None:
    posts = [rule for rule in rules if "POST" in (rule.methods or ())]
    assert len(posts) > 10
    client = app.test_client()
    for rule in posts:
        answer = client.post(_path(rule), headers={"Sec-Fetch-Site": "cross-site"})
        if rule.rule.startswith("/webhooks/"):
            assert answer.status_code == 400, f"{rule.rule} must ask for a signature"
        else:
            assert answer.status_code == 403, rule.rule


def test_posts_without_a_token_are_those_with_a_reason(app: Flask) -> None:
    exempt = {*csrf._exempt_views, *(blueprint.name for blueprint in csrf._exempt_blueprints)}
    assert exempt == set(NO_TOKEN)


def test_every_other_post_asks_for_a_token(app: Flask, rules: list[Rule]) -> None:
    client = app.test_client()
    for rule in rules:
        view = app.view_functions[rule.endpoint]
        exempt = f"{view.__module__}.{view.__name__}" in NO_TOKEN or rule.endpoint.split(".")[0] in NO_TOKEN
        if "POST" in (rule.methods or ()) and not exempt:
            answer = client.post(_path(rule), headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 400, rule.rule
            assert "open for too long" in answer.text, rule.rule


def test_what_an_address_holds_is_typed(rules: list[Rule]) -> None:
    for rule in rules:
        for name, converter in rule._converters.items():
            if type(converter) is PathConverter:
                assert name == "sku", f"{rule.rule}: only skus hold slashes"
            elif type(converter) is not UUIDConverter:
                assert name in TEXT, f"{rule.rule}: {name}"


def test_every_page_of_an_account_asks_to_sign_in(client: FlaskClient, rules: list[Rule]) -> None:
    private = [rule for rule in rules if rule.rule.startswith("/account")]
    assert len(private) > 10
    for rule in private:
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = client.open(_path(rule), method=method)
            assert answer.status_code == 303, f"{method} {rule.rule}"
            assert (answer.location or "").startswith("/login?"), f"{method} {rule.rule}"


def test_every_route_below_an_order_asks_who_asks(
    client: FlaskClient, stranger_order: UUID, rules: list[Rule]
) -> None:
    below = [rule for rule in rules if rule.rule.startswith("/orders/<uuid:order_id>")]
    assert len(below) >= 7
    for rule in below:
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = client.open(
                _path(rule, stranger_order), method=method, data={"email": "ada@example.com"}
            )
            assert answer.status_code == 404, f"{method} {rule.rule}"


@pytest.fixture
def stranger_order(request: pytest.FixtureRequest) -> UUID:
    return order(request.getfixturevalue("stores"))


@pytest.fixture
def client(request: pytest.FixtureRequest) -> FlaskClient:
    """On real stores and without tokens, so that only the question who asks is left."""
    made = create_app(request.getfixturevalue("process").settings)
    made.extensions["storefront"] = request.getfixturevalue("process")
    made.config["WTF_CSRF_ENABLED"] = False
    browser = made.test_client()
    browser.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    return browser


NOBODYS = UUID(int=1)


def _path(rule: Rule, order_id: UUID = NOBODYS) -> str:
    path = re.sub(r"<uuid:\w+>", str(order_id), rule.rule)
    path = re.sub(r"<string:\w+>", "word", path)
    return re.sub(r"<path:\w+>", "SKU", path)


# --- code


def test_transactions_are_opened_by_services_and_commands_alone() -> None:
    found = []
    for name, tree in modules():
        if name.startswith(TRANSACTIONS):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) in (
                "transaction",
                "commit",
                "begin",
                "begin_nested",
            ):
                found.append(f"{name}:{node.lineno}")
    assert found == []


def test_repositories_and_services_never_commit() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules()
        if name.startswith(("services/", "repositories/")) and name not in COMMITS
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) in ("commit", "rollback")
    ]
    assert found == []


NETWORK = {
    "stripe", "dynamodb", "accounts", "addresses", "password_resets", "cards", "deliveries", "counters",
    "outbox", "ses", "client", "requests", "limits", "mailer",
}  # fmt: skip


def test_no_network_call_stands_inside_a_transaction() -> None:
    """By name, in services: what a variable hides from this, tests with a watched pool find."""
    found = []
    for name, tree in modules():
        if not name.startswith("services/"):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.With) or not any(
                isinstance(item.context_expr, ast.Call) and _called(item.context_expr) == "transaction"
                for item in node.items
            ):
                continue
            for inner in (inner for statement in node.body for inner in ast.walk(statement)):
                if isinstance(inner, ast.Call) and NETWORK & set(ast.unparse(inner.func).split(".")):
                    found.append(f"{name}:{inner.lineno} {ast.unparse(inner.func)}")
    assert found == []


def test_services_hand_the_database_on_and_ask_it_nothing() -> None:
    """What they want to know has a method of a repository, named for its use."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules()
        if name.startswith("services/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("rows", "catalogue", "session", "maintain", "snapshot")
        and ast.unparse(node.value).endswith("db")
    ]
    assert found == []


def test_the_environment_is_read_by_config_alone() -> None:
    found = set()
    for name, tree in modules():
        if name in READS_ENVIRONMENT:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in (
                "os.environ",
                "os.getenv",
                "os.environb",
                "os.putenv",
            ):
                found.add(f"{name}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                found |= {f"{name}:{node.lineno}" for one in node.names if one.name in ("environ", "getenv")}
    assert found == set()


def test_services_and_repositories_ask_no_clock_for_holds() -> None:
    """The database's now() decides; a web host's clock may be a quarter of an hour off."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules()
        if name.startswith(ASK_NO_CLOCK)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("datetime.now", "time.time", "datetime.utcnow")
    ]
    assert found == []


def test_every_unit_that_may_be_repeated_is_one_transaction() -> None:
    """``again_if_lost`` runs a function anew, so there must be only one transaction in it to be lost."""
    found = []
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(
                ast.unparse(one) in ("again_if_lost", "again_if_undone") for one in node.decorator_list
            ):
                opened = [
                    one
                    for one in ast.walk(node)
                    if isinstance(one, ast.Call) and _called(one) == "transaction"
                ]
                if len(opened) != 1:
                    found.append(f"{name}:{node.name}")
    assert found == []


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


# --- sizes


def test_files_are_short() -> None:
    long = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if len(path.read_text().splitlines()) > FILE_LINES
    }
    assert long == set()


def test_functions_are_short() -> None:
    assert _longer_than(FUNCTION_LINES, PACKAGE) == set()


def test_functions_of_stand_ins_are_short_enough() -> None:
    assert _longer_than(STANDIN_LINES, STANDINS) == set()


def test_views_are_short() -> None:
    assert _longer_than(VIEW_LINES, PACKAGE, views=True) == set()


def _longer_than(most: int, package: Path, *, views: bool = False) -> set[str]:
    """Functions, or only those that answer a route, of more than so many lines, decorators left out."""
    return {
        f"{name}:{node.name}"
        for name, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (not views or any(ROUTE.search(ast.unparse(one)) for one in node.decorator_list))
        and (node.end_lineno or node.lineno) - node.lineno + 1 > most
    }


# --- tests


def test_files_of_tests_are_short() -> None:
    long = [path.name for path in TESTS.rglob("*.py") if len(path.read_text().splitlines()) > TEST_LINES]
    assert long == []


def test_few_tests_replace_what_an_argument_could_hand_in() -> None:
    """A planted fault has to; everything else is handed in, so that a test says what it depends on."""
    replaced = [
        f"{name}:{node.lineno}"
        for name, tree in modules(TESTS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("monkeypatch.setattr", "patch.setattr"))
    ]
    assert len(replaced) <= REPLACED, "\n".join(replaced)


def test_larger_modules_have_a_test_file_of_their_own() -> None:
    """Of the same name, or one that begins with it."""
    missing = {
        name
        for name, _ in modules()
        if not name.startswith("migrations/")
        and len((PACKAGE / name).read_text().splitlines()) > UNTESTED_LINES
        and not any(TESTS.rglob(f"test_{Path(name).stem}*.py"))
        and not any(TESTS.rglob(f"test_{Path(name).parent.name}.py"))
    }
    assert missing - TESTED_ELSEWHERE.keys() == set()


# --- types


def test_few_lines_say_any() -> None:
    lines = {
        (path, token.start[0])
        for path in PACKAGE.rglob("*.py")
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.NAME and token.string == "Any"
    }
    assert len(lines) <= ANY_LINES


def test_what_is_kept_from_the_type_checker_has_its_code_and_a_reason() -> None:
    bare = {
        f"{path.relative_to(ROOT).as_posix()}: {line.strip()}"
        for package in (PACKAGE, STANDINS)
        for path in package.rglob("*.py")
        for line in path.read_text().splitlines()
        if "# type: ignore" in line and not re.search(r"# type: ignore\[[\w, -]+\]  # \w", line)
    }
    assert bare == set()


# --- templates


def _without_comments(path: Path) -> str:
    return re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_templates_hold_nothing_the_policy_would_block(path: Path) -> None:
    source = _without_comments(path)
    if "mail" in path.relative_to(ROOT / "templates").parts[0]:
        scripts = re.findall(r"<script\b[^>]*>", source)
        assert set(scripts) <= {'<script type="application/ld+json">'}
        return
    assert not re.search(r"<style\b", source)
    assert not re.search(r"\sstyle\s*=", source)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", source)
    assert "javascript:" not in source
    data = re.findall(r"<script\b(?![^>]*\bsrc=)[^>]*>", source)
    assert all("application/ld+json" in one or "speculationrules" in one for one in data)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_htmx_attributes_are_spelt_as_data(path: Path) -> None:
    source = _without_comments(path)
    assert not re.search(r"[\s\"']hx-[a-z]", source), "the HTML checker refuses hx-…"
    assert "data-hx-on" not in source
    assert not re.search(r"data-hx-vals=[\"']js:", source)
    assert not re.search(r"data-hx-trigger=\"[^\"]*\[", source), (
        "filters are evaluated, which the policy blocks"
    )
    assert "data-hx-boost" not in source


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_templates_escape_everything(path: Path) -> None:
    source = _without_comments(path)
    if path.relative_to(ROOT / "templates").as_posix() not in MARKS_SAFE:
        assert not re.search(r"\|\s*safe\b", source)
    assert "autoescape false" not in source


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_every_posting_form_names_its_address_and_has_a_real_button(path: Path) -> None:
    for form in re.findall(r"<form\b.*?</form>", _without_comments(path), re.DOTALL):
        if 'method="post"' in form:
            assert 'action="' in form
            assert re.search(r"<button\b[^>]*type=\"submit\"", form)


@pytest.mark.parametrize(
    "path",
    [path for path in TEMPLATES if path.name.startswith("_")],
    ids=lambda path: path.relative_to(ROOT / "templates").as_posix(),
)
def test_a_part_says_first_what_it_needs(path: Path) -> None:
    """Or, where it holds macros or is a frame of pages, what they are for."""
    source = path.read_text()
    expected = r"\{#" if "{% macro" in source or "{% block" in source else r"\{#[^#]*\b[Nn]eeds:?"
    assert re.match(expected, source)
