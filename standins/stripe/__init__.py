"""The part of Stripe's API the shop uses, as a small HTTP service for one machine.

Run by ``python -m standins.stripe``. The official library talks to it by base address; it knows
Stripe's published test cards only and never stores a card number. Where to look:

- ``__main__``: arguments, start and stop; ``app``: wiring
- ``store``: SQLite; ``api`` and ``idempotency``: who asks, and whether it was asked before
- ``params``, ``errors``, ``render``, ``routing``, ``shared``: Stripe's formats and common rules
- the API's resources: ``customers``, ``methods``, ``payments``, ``setups``, ``sessions``, ``refunds``,
  ``records``
- ``cards``: the test cards; ``pages``, ``form``: the hosted pages
- ``webhooks``: signed events; ``sweep``: what happens by itself
- ``faults``, ``control``: for tests of the shop
"""
