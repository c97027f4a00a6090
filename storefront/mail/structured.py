"""What mail programs read of an order without reading the mail: Schema.org's Order and ParcelDelivery.

Written as Google documents it for mails (https://developers.google.com/workspace/gmail/markup).
"""

from __future__ import annotations

from datetime import datetime, time
from typing import TypeAlias

from storefront.config import Settings
from storefront.domain.carriers import tracking_page
from storefront.domain.order_views import OrderView
from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import Parcel

Json: TypeAlias = "dict[str, object]"

_STATUSES = {
    OrderStatus.PENDING: "OrderPaymentDue",
    OrderStatus.PAID: "OrderProcessing",
    OrderStatus.PREPARING: "OrderProcessing",
    OrderStatus.SHIPPED: "OrderInTransit",
    OrderStatus.DELIVERED: "OrderDelivered",
    OrderStatus.EXPIRED: "OrderCancelled",
    OrderStatus.CANCELLED: "OrderCancelled",
    OrderStatus.REFUNDED: "OrderCancelled",
}


def order_data(settings: Settings, order: OrderView, link: str) -> Json:
    """An order with its lines. Nothing of who placed it: such a mail can be caused with anybody's address."""
    return {
        "@context": "https://schema.org",
        "@type": "Order",
        "merchant": {"@type": "Organization", "name": settings.shop_name, "url": settings.base_url},
        "orderNumber": order.number,
        "orderStatus": f"https://schema.org/{_STATUSES[order.status]}",
        "orderDate": order.created_at.isoformat(timespec="seconds"),
        "priceCurrency": settings.currency,
        "price": price(order.total_cents),
        "url": link,
        "acceptedOffer": [
            {
                "@type": "Offer",
                "itemOffered": {"@type": "Product", "name": line.name, "sku": line.sku},
                "price": price(line.price_cents),
                "priceCurrency": settings.currency,
                "eligibleQuantity": {"@type": "QuantitativeValue", "value": line.qty},
            }
            for line in order.lines
        ],
    }


def parcel_data(settings: Settings, order: OrderView, parcel: Parcel, link: str) -> Json:
    """A parcel of a paid order, with where it goes and where its carrier tells of it."""
    address = order.address
    page = tracking_page(parcel.carrier, parcel.tracking_code)
    day = parcel.estimated_delivery or order.estimated(settings.calendar)
    names = {line.sku: line.name for line in order.lines}
    return {
        "@context": "https://schema.org",
        "@type": "ParcelDelivery",
        "carrier": {"@type": "Organization", "name": parcel.carrier},
        "trackingNumber": parcel.tracking_code,
        **({"trackingUrl": page} if page else {}),
        "expectedArrivalUntil": datetime.combine(day, time.max, settings.zone).isoformat(timespec="seconds"),
        "deliveryAddress": {
            "@type": "PostalAddress",
            "name": address.name,
            "streetAddress": ", ".join(filter(None, (address.line1, address.line2))),
            "addressLocality": address.city,
            "addressRegion": address.region,
            "postalCode": address.zip,
            "addressCountry": address.country,
        },
        "itemShipped": [
            {"@type": "Product", "name": names.get(line.sku, line.sku), "sku": line.sku}
            for line in parcel.lines
        ],
        "partOfOrder": {
            "@type": "Order",
            "orderNumber": order.number,
            "merchant": {"@type": "Organization", "name": settings.shop_name},
            "orderStatus": f"https://schema.org/{_STATUSES[order.status]}",
            "url": link,
        },
    }


def price(cents: int) -> str:
    """An amount as Schema.org has it: digits and a point, no sign of a currency."""
    return f"{cents // 100}.{cents % 100:02d}"
