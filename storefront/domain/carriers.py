"""Carriers known by name: how each is written, and where its own page follows a parcel."""

from __future__ import annotations

import re
from urllib.parse import quote

_NOISE = re.compile(r"[\W_]+")

# By name without case, spaces and marks. A pattern that a carrier gives up leads to its own search page,
# so a wrong one costs a shopper a click, never a wrong answer.
_PAGES = {
    "anpost": "https://www.anpost.com/Post-Parcels/Track/History?item={}",
    "australiapost": "https://auspost.com.au/mypost/track/details/{}",
    "austrianpost": "https://www.post.at/s/sendungsdetails?snr={}",
    "bpost": "https://track.bpost.cloud/btr/web/#/search?itemCode={}&lang=en",
    "canadapost": "https://www.canadapost-postescanada.ca/track-reperage/en#/details/{}",
    "colissimo": "https://www.laposte.fr/outils/suivre-vos-envois?code={}",
    "deutschepost": "https://www.deutschepost.de/de/s/sendungsverfolgung.html?piececode={}",
    "dhl": "https://www.dhl.com/global-en/home/tracking.html?tracking-id={}",
    "dhlpaket": "https://www.dhl.de/en/privatkunden/dhl-sendungsverfolgung.html?piececode={}",
    "dpd": "https://tracking.dpd.de/status/en_US/parcel/{}",
    "evri": "https://www.evri.com/track/parcel/{}",
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={}",
    "gls": "https://gls-group.com/GROUP/en/parcel-tracking?match={}",
    "laposte": "https://www.laposte.fr/outils/suivre-vos-envois?code={}",
    "posteitaliane": "https://www.poste.it/cerca/index.html#/risultati-spedizioni/{}",
    "royalmail": "https://www.royalmail.com/track-your-item#/tracking-results/{}",
    "ups": "https://www.ups.com/track?tracknum={}",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={}",
}
_ALSO = {
    "auspost": "australiapost",
    "dhlexpress": "dhl",
    "dhlgermany": "dhlpaket",
    "federalexpress": "fedex",
    "hermesuk": "evri",
    "osterreichischepost": "austrianpost",
    "österreichischepost": "austrianpost",
    "unitedparcelservice": "ups",
    "uspostalservice": "usps",
    "unitedstatespostalservice": "usps",
}


def tracking_page(carrier: str, code: str) -> str:
    """The carrier's own page for a parcel, or nothing for a carrier that is not known.

    ``carrier`` and ``code`` are as somebody typed or sent them: names compare without case, spaces and
    marks, and the code stands quoted in an address whose host is ours to choose.
    """
    name = _NOISE.sub("", carrier.casefold())
    page = _PAGES.get(_ALSO.get(name, name))
    bare = "".join(code.split())
    return page.format(quote(bare, safe="")) if page and bare else ""
