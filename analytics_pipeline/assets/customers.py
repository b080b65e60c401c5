"""People: which records are one, and what each bought as of a day."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from analytics_pipeline.assets.sources import ShopResource
from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.daily_tables import store_days_if_sound
from analytics_pipeline.gates import Event, store_if_sound
from analytics_pipeline.steps.customers import analyse_customers
from analytics_pipeline.steps.identities import resolve_customers, store_identities


def build_customers(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the tables of people."""

    @dg.asset(
        deps=["customers", "ecom_orders"],
        check_specs=catalogue.customer_identities.check_specs,
        metadata=catalogue.customer_identities.metadata,
        kinds={"pandas", "parquet"},
    )
    def customer_identities(shop: ShopResource) -> Iterator[Event]:
        """Which customer records and web-shop e-mails are one person, and why."""
        contract = catalogue.customer_identities
        yield from store_if_sound(
            shop,
            contract,
            lambda: resolve_customers(shop),
            lambda table: store_identities(shop, table),
        )

    @dg.asset(
        deps=[
            dg.AssetDep("raw_sales", partition_mapping=dg.IdentityPartitionMapping()),
            customer_identities,
            "ecom_orders",
        ],
        partitions_def=catalogue.days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=catalogue.customer_analytics.check_specs,
        metadata=catalogue.customer_analytics.metadata,
        kinds={"duckdb", "parquet"},
    )
    def customer_analytics(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """The merged analytics: each person's figures as of the day."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        contract = catalogue.customer_analytics
        yield from store_days_if_sound(
            context,
            shop,
            contract,
            lambda: analyse_customers(shop, days),
            shop.store_as(contract.name, contract.model),
        )

    return [customer_identities, customer_analytics]
