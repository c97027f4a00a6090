from storefront.services import carts, payments, fulfilment
from storefront.process import Process
from factories import *
from storefront.domain.orders import OrderStatus
from storefront.services.worker import Worker

def test_flow(process, stores, stripe):
    sku = product(stores)
    oid = order(stores, sku, qty=3)
    url = payments.start(stores, process.stripe, oid, back, "USD")
    r = pay_page(url)
    assert r.status_code == 303, r.text
    assert payments.settle(stores, process.stripe, oid, "USD") is OrderStatus.PAID
    assert stores.stock.level(sku).quantity == 7
    Worker(process).round()
    v = stores.orders.view(oid)
    assert v.status == OrderStatus.PREPARING
    print(v, stores.deliveries.for_tracking(oid))
