"""Payments: started, settled and refunded so that every one of them ends well.

A shopper's choice comes in by ``paying``. It leads to Stripe's page (``attempts.start``) or charges a saved
card (``charging``); both make an order's one live payment object, whose id is stored before anybody can pay
it. Nothing that can move money is called before that.

What became of it comes back by four ways: the shopper's return, Stripe's webhooks (``webhooks``), the worker,
and whoever closes an attempt to end a hold. All of them end in ``settlement.apply``, the one place where
money moves an order: it takes what Stripe told when asked, never what an event said, and the order's row lock
lets one of them win.

What must go back is decided under that lock and written down as due (``refunds``); the worker sees to it by
``paying_back``.
The card of a payment goes to the customer's account by ``saved_cards``.
"""
