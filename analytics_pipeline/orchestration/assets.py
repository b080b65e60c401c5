"""The assets as Dagster sees them: names and wiring, in the order of the story."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType

import dagster as dg
from pydantic import Field

from analytics_pipeline.assets.customer_analytics import analyse_customers
from analytics_pipeline.assets.customer_analytics_master import (
    list_first_time_buyers,
    list_master,
    publish_master,
    store_first_time_buyers,
)
from analytics_pipeline.assets.customer_changes import explain_changes, store_changes
from analytics_pipeline.assets.customer_identities import (
    resolve_customers,
    store_identities,
)
from analytics_pipeline.assets.customer_report import report_customers, store_report
from analytics_pipeline.assets.customers import read_customers, store_customers
from analytics_pipeline.assets.ecom_orders import (
    brought_in,
    export_within_reach,
    read_ecom_orders,
    store_export,
    take_in_export,
)
from analytics_pipeline.assets.ecom_reconciliation import (
    reconcile_web_orders,
    store_reconciliation,
)
from analytics_pipeline.assets.outlets import read_outlets
from analytics_pipeline.assets.raw_sales import (
    choose_days,
    recut_days,
    refuse_missing_day,
)
from analytics_pipeline.assets.sales_feed import read_sales_feed
from analytics_pipeline.domain.incidents import Incidents
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.orchestration.gate import (
    Event,
    store_days_if_sound,
    store_if_sound,
    told_to_people,
)
from analytics_pipeline.orchestration.resources import Lightspeed
from analytics_pipeline.orchestration.run_records import keep_warnings, read_verdicts
from analytics_pipeline.orchestration.tables import Catalogue, Contract, asset_key
from analytics_pipeline.shop import Shop

# ----------------------------------------------------------------------------------
# What the tills and the web shop say: the log of sales, records, outlets, orders.


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


# ----------------------------------------------------------------------------------
# The world outside, from which everything is read: shown, but never made here.

LIGHTSPEED = "lightspeed"
WEB_SHOP = "web_shop"

OUTSIDE: Mapping[str, str] = MappingProxyType(
    {
        LIGHTSPEED: "Lightspeed Retail: sales, customers and outlets, as its API "
        "gives them. It is only read; every sale keeps its versions in `sales_feed`.",
        WEB_SHOP: "The web shop: its orders, as somebody has exported them into "
        "`ecom_orders_export.csv` in the data directory.",
    }
)
"""What each source outside is, as the UI shows it."""


def build_outside(shop: str | None, group: str) -> list[dg.AssetSpec]:
    """Return the left edge of the graph: where the first tables are read from."""
    return [
        dg.AssetSpec(asset_key(name, shop), description=words, group_name=group)
        for name, words in OUTSIDE.items()
    ]


def asset_of(
    contract: Contract, *, kinds: set[str], deps: Sequence[str | dg.AssetDep] = ()
) -> Callable[[Callable[..., Iterator[Event]]], dg.AssetsDefinition]:
    """Return the decorator that makes a gated table of the function that fills it.

    A run may leave the checks out of its plan: the gate reports them all the same, and
    one that it does not come to keeps its last result instead of a failure.
    """
    days = contract.partitions

    def decorate(body: Callable[..., Iterator[Event]]) -> dg.AssetsDefinition:
        spec = dg.AssetSpec(
            contract.name,
            deps=deps,
            description=inspect.getdoc(body),
            metadata=contract.metadata,
            kinds=kinds,
            partitions_def=days,
        )
        return dg.multi_asset(
            name=contract.name,
            specs=[spec],
            check_specs=contract.check_specs,
            can_subset=True,
            partitions_def=days,
            backfill_policy=dg.BackfillPolicy.single_run() if days else None,
        )(body)

    return decorate


def build_sources(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the assets that read the world."""

    @asset_of(catalogue.sales_feed, kinds={"lightspeed", "parquet"}, deps=[LIGHTSPEED])
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

        yield from store_if_sound(
            context, shop, catalogue.sales_feed, produce, already_stored
        )

    @asset_of(catalogue.outlets, kinds={"lightspeed", "parquet"}, deps=[LIGHTSPEED])
    def outlets(
        context: dg.AssetExecutionContext,
        shop: ShopResource,
        lightspeed: LightspeedResource,
    ) -> Iterator[Event]:
        """The outlets with their time zones, and the store's own."""

        def produce() -> Candidate:
            with lightspeed.open() as client:
                return read_outlets(shop, client)

        store = shop.store_as("outlets", catalogue.outlets.model)
        yield from store_if_sound(context, shop, catalogue.outlets, produce, store)

    @asset_of(
        catalogue.customers,
        kinds={"lightspeed", "parquet"},
        deps=[LIGHTSPEED, "outlets"],
    )
    def customers(
        context: dg.AssetExecutionContext,
        config: CustomersConfig,
        shop: ShopResource,
        lightspeed: LightspeedResource,
    ) -> Iterator[Event]:
        """The customer records; of a deleted one, only hashed keys are kept."""

        def produce() -> Candidate:
            with lightspeed.open() as client:
                return read_customers(shop, client, **config.model_dump())

        yield from store_if_sound(
            context,
            shop,
            catalogue.customers,
            produce,
            lambda table: store_customers(shop, table),
        )

    @asset_of(catalogue.ecom_orders, kinds={"csv", "parquet"}, deps=[WEB_SHOP])
    def ecom_orders(
        context: dg.AssetExecutionContext, config: EcomOrdersConfig, shop: ShopResource
    ) -> Iterator[Event]:
        """The web shop's orders, from its export; none without the file."""
        contract = catalogue.ecom_orders
        if not config.file:
            store = shop.store_as("ecom_orders", contract.model)
            yield from store_if_sound(
                context, shop, contract, lambda: read_ecom_orders(shop), store
            )
            return
        with (
            told_to_people(),
            brought_in(shop, export_within_reach(shop, config.file)) as copy,
        ):
            yield from store_if_sound(
                context,
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


# ----------------------------------------------------------------------------------
# Sales by business day.


class RawSalesConfig(dg.Config):
    """Which days are cut."""

    refresh_late_days: bool = Field(
        True, description="Cut the days as well whose sales have changed since."
    )
    recut_all_days: bool = Field(
        False, description="Cut every day up to the last one again."
    )


def build_sales(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the daily table of sales."""

    @asset_of(
        catalogue.raw_sales, kinds={"duckdb", "parquet"}, deps=["sales_feed", "outlets"]
    )
    def raw_sales(
        context: dg.AssetExecutionContext, config: RawSalesConfig, shop: ShopResource
    ) -> Iterator[Event]:
        """The sales of each business day, latest version, cut from the log.

        A late change re-opens only the day that it touches.
        """
        with told_to_people():
            keys = context.partition_keys
            if len(keys) == 1:  # a range passes over such a day
                refuse_missing_day(shop, date.fromisoformat(keys[0]))
            days = choose_days(shop, keys, **config.model_dump())
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.raw_sales,
            lambda: recut_days(shop, days, catalogue.raw_sales.audit),
            shop.store_as("raw_sales", catalogue.raw_sales.model),
            len(days),
        )

    return [raw_sales]


# ----------------------------------------------------------------------------------
# People: which records are one, and what each bought as of a day.


def build_customers(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the tables of people."""

    @asset_of(
        catalogue.customer_identities,
        kinds={"pandas", "parquet"},
        deps=["customers", "ecom_orders"],
    )
    def customer_identities(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """Which customer records and web-shop e-mails are one person, and why."""
        contract = catalogue.customer_identities
        yield from store_if_sound(
            context,
            shop,
            contract,
            lambda: resolve_customers(shop),
            lambda table: store_identities(shop, table),
        )

    @asset_of(
        catalogue.customer_analytics,
        kinds={"duckdb", "parquet"},
        deps=[
            dg.AssetDep("raw_sales", partition_mapping=dg.IdentityPartitionMapping()),
            "customer_identities",
            "ecom_orders",
        ],
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


# ----------------------------------------------------------------------------------
# The files that people read.


RAW_SALES_OF_THE_DAY = dg.AssetDep(
    "raw_sales", partition_mapping=dg.IdentityPartitionMapping()
)


def build_exports(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the exports; the master comes last, because it publishes both."""
    same_day = dg.AssetDep(
        "customer_analytics", partition_mapping=dg.IdentityPartitionMapping()
    )

    @asset_of(catalogue.first_time_buyers, kinds={"csv"}, deps=[same_day])
    def first_time_buyers(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """The people with exactly one order as of the day, newest first."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.first_time_buyers,
            lambda: (list_first_time_buyers(shop, day) for day in days),
            lambda table: store_first_time_buyers(shop, table),
        )

    @asset_of(
        catalogue.customer_analytics_master,
        kinds={"csv"},
        deps=[same_day, "first_time_buyers"],
    )
    def customer_analytics_master(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """The master: every person once, with contact, figures, segment and tier."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.customer_analytics_master,
            lambda: (list_master(shop, day) for day in days),
            lambda table: publish_master(shop, table),
        )

    @asset_of(
        catalogue.customer_changes,
        kinds={"csv", "parquet"},
        deps=["customer_analytics_master", RAW_SALES_OF_THE_DAY],
    )
    def customer_changes(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """What changed from one published master to the next, and what did it."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        yield from store_days_if_sound(
            context,
            shop,
            catalogue.customer_changes,
            lambda: explain_changes(shop, days),
            lambda table: store_changes(shop, table),
        )

    return [first_time_buyers, customer_analytics_master, customer_changes]


# ----------------------------------------------------------------------------------
# The web shop's orders held against the sales.


def build_reconciliation(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """Build the table that explains the web shop's orders."""

    @asset_of(
        catalogue.ecom_reconciliation,
        kinds={"csv", "parquet"},
        deps=[
            "ecom_orders",
            "raw_sales",
            "customer_identities",
            # It is as of the day that is published, so it comes after publishing.
            "customer_analytics_master",
        ],
    )
    def ecom_reconciliation(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """Each web-shop order up to the published day, and how it was matched."""
        yield from store_if_sound(
            context,
            shop,
            catalogue.ecom_reconciliation,
            lambda: reconcile_web_orders(shop),
            lambda table: store_reconciliation(shop, table),
        )

    return [ecom_reconciliation]


# ----------------------------------------------------------------------------------
# The page that people look at in the morning.


LookFromWithin = Callable[[Shop, dg.DagsterInstance, str], Incidents]
"""Returns what is wrong now, as the run of that id sees it."""


def build_reports(
    catalogue: Catalogue, look: LookFromWithin = lambda *_: {}
) -> list[dg.AssetsDefinition]:
    """Build the report, which comes last: it tells what every check has found."""
    contract = catalogue.customer_report
    same_day = dg.IdentityPartitionMapping()

    @asset_of(
        contract,
        kinds={"html"},
        deps=[
            dg.AssetDep("customer_analytics_master", partition_mapping=same_day),
            dg.AssetDep("customer_changes", partition_mapping=same_day),
            "ecom_reconciliation",
        ],
    )
    def customer_report(
        context: dg.AssetExecutionContext, shop: ShopResource
    ) -> Iterator[Event]:
        """The page of the morning: figures, plots, changes, and whether it is right."""
        days = [date.fromisoformat(key) for key in context.partition_keys]
        verdicts = keep_warnings(
            read_verdicts(context.instance, catalogue, but=contract.name),
            look(shop, context.instance, context.run.run_id),
        )
        yield from store_days_if_sound(
            context,
            shop,
            contract,
            lambda: (report_customers(shop, day) for day in days),
            lambda table: store_report(shop, table, verdicts),
        )

    return [customer_report]
