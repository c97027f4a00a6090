"""``python -m storefront``: the console script, where it isn't installed."""

from __future__ import annotations

import sys

from storefront.cli import main

sys.exit(main())
