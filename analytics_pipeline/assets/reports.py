"""The page that people look at in the morning."""

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg

from analytics_pipeline.assets.sources import ShopResource
from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.daily_tables import store_days_if_sound
from analytics_pipeline.domain.incidents import Incidents
from analytics_pipeline.gates import Event
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.report import report_customers, store_report
from analytics_pipeline.verdicts import keep_warnings, read_verdicts

LookFromWithin = Callable[[Shop, dg.DagsterInstance, str], Incidents]
"""Returns what is wrong now, as the run of that id sees it."""


def build_reports(
    catalogue: Catalogue, look: LookFromWithin = lambda *_: {}
) -> list[dg.AssetsDefinition]:
    """Build the report, which comes last: it tells what every check has found."""
    contract = catalogue.customer_report
    same_day = dg.IdentityPartitionMapping()

    @dg.asset(
        deps=[
            dg.AssetDep("customer_analytics_master", partition_mapping=same_day),
            dg.AssetDep("customer_changes", partition_mapping=same_day),
            "ecom_reconciliation",
        ],
        partitions_def=catalogue.days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=contract.check_specs,
        metadata=contract.metadata,
        kinds={"html"},
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
