"""What axe finds wrong with a page."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules about colour: all that the dark scheme changes."""


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe, which the page has been given, finds by all its rules or by these."""
    options = {"resultTypes": ["violations"], "iframes": False} | ({"runOnly": rules} if rules else {})
    found = page.evaluate(
        "options => axe.run(document, options).then(r => JSON.stringify(r.violations))", options
    )
    told: list[dict[str, Any]] = json.loads(found)
    return [
        f"{one['id']} ({one['help']}): {', '.join(str(node['target'][0]) for node in one['nodes'][:3])}"
        for one in told
    ]
