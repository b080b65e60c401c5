"""What the sources hold of a simulated store, record by record."""

from analytics_pipeline.assets.products import current_products
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline_tests.simulated_shop import SimulatedShop
from analytics_pipeline_tests.system.faults.two_days import sources_in


def assert_holds_every_record(shop: SimulatedShop) -> None:
    """Each sale, customer and product of the store is held, as it is there now."""
    state, sources = shop.store.state, sources_in(shop.data)
    held = {sale: row[1] for sale, row in sources.sales.items()}
    people = shop.local.warehouse.read("customers", Customers)
    known = dict(zip(people["customer_id"], people["version"], strict=True))
    assert held == {each.id: each.version for each in state.sales.values()}
    assert known == {each.id: each.version for each in state.customers.values()}
    products = current_products(shop.local)
    found = dict(zip(products["product_id"], products["version"], strict=True))
    assert found == {each.id: each.version for each in state.products.values()}
