"""What the tills and the web shop say: the log of sales, records, outlets, orders."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
from pydantic import Field

from analytics_pipeline.candidate import Candidate
from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.gates import Event, store_if_sound, told_to_people
from analytics_pipeline.resources import Lightspeed
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.customer_records import read_customers, store_customers
from analytics_pipeline.steps.ecom_orders import (
    brought_in,
    export_within_reach,
    read_ecom_orders,
    store_export,
    take_in_export,
)
from analytics_pipeline.steps.missing_days import refuse_missing_day
from analytics_pipeline.steps.outlets import read_outlets
from analytics_pipeline.steps.sales_feed import read_sales_feed

ShopResource = dg.ResourceParam[Shop]
LightspeedResource = dg.ResourceParam[Lightspeed]


class SalesFeedConfig(dg.Config):
    """How the feed of sales is read."""

    days: int = Field(
        7, ge=0, le=366, description="Compare so many days with the search, and repair."
    )
    full_resync: bool = Field(False, description="Read all sales again from the start.")
    replay: bool = Field(False, description="Try the sales in quarantine again.")


class CustomersConfig(dg.Config):
    """How the customer records are read."""

    full_resync: bool = Field(False, description="Read all records again.")
    replay: bool = Field(False, description="Try the records in quarantine again.")


class EcomOrdersConfig(dg.Config):
    """Which export of the web shop is read."""

    file: str = Field(
        "",
        description="An export to put in place, if it is good: inbox/NAME.csv, a file "
        "in the folder inbox of the data directory. Without one, the export that is in "
        "place is read.",
    )


def build_sources(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the assets that read the world."""

    @dg.asset(
        check_specs=catalogue.sales_feed.check_specs,
        metadata=catalogue.sales_feed.metadata,
        kinds={"lightspeed", "parquet"},
    )
    def sales_feed(
        context: dg.AssetExecutionContext,
        config: SalesFeedConfig,
        shop: ShopResource,
        lightspeed: LightspeedResource,
    ) -> Iterator[Event]:
        """Every version of every sale that Lightspeed has told, in an append-only log.

        Each run reads on from where the last one ended.
        """
        as_of = day_of(context, shop)
        with told_to_people():
            refuse_missing_day(shop, as_of)

        def produce() -> Candidate:
            with lightspeed.open() as client:
                return read_sales_feed(shop, client, as_of=as_of, **config.model_dump())

        yield from store_if_sound(shop, catalogue.sales_feed, produce, already_stored)

    @dg.asset(
        check_specs=catalogue.outlets.check_specs,
        metadata=catalogue.outlets.metadata,
        kinds={"lightspeed", "parquet"},
    )
    def outlets(shop: ShopResource, lightspeed: LightspeedResource) -> Iterator[Event]:
        """The outlets with their time zones, and the store's own."""

        def produce() -> Candidate:
            with lightspeed.open() as client:
                return read_outlets(shop, client)

        store = shop.store_as("outlets", catalogue.outlets.model)
        yield from store_if_sound(shop, catalogue.outlets, produce, store)

    @dg.asset(
        deps=[outlets],
        check_specs=catalogue.customers.check_specs,
        metadata=catalogue.customers.metadata,
        kinds={"lightspeed", "parquet"},
    )
    def customers(
        config: CustomersConfig, shop: ShopResource, lightspeed: LightspeedResource
    ) -> Iterator[Event]:
        """The customer records; of a deleted one, only hashed keys are kept."""

        def produce() -> Candidate:
            with lightspeed.open() as client:
                return read_customers(shop, client, **config.model_dump())

        yield from store_if_sound(
            shop,
            catalogue.customers,
            produce,
            lambda table: store_customers(shop, table),
        )

    @dg.asset(
        check_specs=catalogue.ecom_orders.check_specs,
        metadata=catalogue.ecom_orders.metadata,
        kinds={"csv", "parquet"},
    )
    def ecom_orders(config: EcomOrdersConfig, shop: ShopResource) -> Iterator[Event]:
        """The web shop's orders, from its export; none without the file."""
        contract = catalogue.ecom_orders
        if not config.file:
            store = shop.store_as("ecom_orders", contract.model)
            yield from store_if_sound(
                shop, contract, lambda: read_ecom_orders(shop), store
            )
            return
        with (
            told_to_people(),
            brought_in(shop, export_within_reach(shop, config.file)) as copy,
        ):
            yield from store_if_sound(
                shop,
                contract,
                lambda: take_in_export(shop, copy),
                lambda table: store_export(shop, table, copy),
            )

    return [sales_feed, outlets, customers, ecom_orders]


def already_stored(_candidate: Candidate) -> None:
    """The log of sales was appended page by page while it was read."""


def day_of(context: dg.AssetExecutionContext, shop: Shop) -> date:
    """Return the day that the run is for; without one, yesterday in the store."""
    day = context.run.tags.get("dagster/partition")
    return date.fromisoformat(day) if day else shop.yesterday
