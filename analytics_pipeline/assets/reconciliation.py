"""The web shop's orders held against the sales."""

from collections.abc import Iterator

import dagster as dg

from analytics_pipeline.assets.sources import ShopResource
from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.gates import Event, store_if_sound
from analytics_pipeline.steps.reconciliation import (
    reconcile_web_orders,
    store_reconciliation,
)


def build_reconciliation(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the table that explains the web shop's orders."""

    @dg.asset(
        deps=[
            "ecom_orders",
            "raw_sales",
            "customer_identities",
            # It is as of the day that is published, so it comes after publishing.
            "customer_analytics_master",
        ],
        check_specs=catalogue.ecom_reconciliation.check_specs,
        metadata=catalogue.ecom_reconciliation.metadata,
        kinds={"csv", "parquet"},
    )
    def ecom_reconciliation(shop: ShopResource) -> Iterator[Event]:
        """Each web-shop order up to the published day, and how it was matched."""
        yield from store_if_sound(
            shop,
            catalogue.ecom_reconciliation,
            lambda: reconcile_web_orders(shop),
            lambda table: store_reconciliation(shop, table),
        )

    return [ecom_reconciliation]
