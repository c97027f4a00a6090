"""All of it, one after the other, against one shop."""

from __future__ import annotations

from bench import importing, pages, placing
from bench.shop import REAL_CATALOG, running

DEMO = {
    "home": "/",
    "list": "/products",
    "search": "/products?q=ketle",
    "product": "/products/KIT-ENAMEL-KETTLE",
    "cart": "/cart",
    "healthz": "/healthz",
}
REAL = {
    "home, 51,000": "/",
    "list, first page": "/products",
    "list, last page": "/products?page=2142",
    "in stock, by price": "/products?in_stock=1&sort=price",
    "search fromge blnc": "/products?q=fromge+blnc",
    "search chocolat noir": "/products?q=chocolat+noir",
}


def main() -> None:
    with running() as shop:
        print(f"ready after {shop.seconds_to_ready:.1f} s, stores made and demo catalogue imported")
        pages.report(shop, DEMO)
        placing.report(shop)
        importing.report(shop)
        if REAL_CATALOG.exists():
            pages.report(shop, REAL)


main()
