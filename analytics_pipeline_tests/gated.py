"""A table of a test behind the gate, in a run of Dagster or without one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import dagster as dg

from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.orchestration.gate import Event, make_table
from analytics_pipeline.orchestration.resources import StoredBehindTheGate
from analytics_pipeline.orchestration.tables import check_specs
from analytics_pipeline.shop import Shop
from analytics_pipeline.tables import Check, TableSpec
from analytics_pipeline_tests.made import run_for

Make = Callable[[], Iterable[Candidate]]


def with_checks(spec: TableSpec, **checks: Check) -> TableSpec:
    """The same table with these checks only."""
    return replace(spec, checks=checks)


def without_inputs(spec: TableSpec) -> TableSpec:
    """The same table made from nothing, as a test makes it."""
    return replace(spec, inputs=())


def through_the_gate(
    shop: Shop, spec: TableSpec, make: Make, events: list[Any] | None = None
) -> list[Any]:
    """Check and store a table without days; return what is reported to Dagster.

    It is put into *events* too, which has it also when the gate fails.

    Raises:
        dagster.Failure: as the gate does.
    """
    context: Any = SimpleNamespace(
        log_event=lambda _event: None,
        add_asset_metadata=lambda *_metadata, **_where: None,
        op_execution_context=SimpleNamespace(selected_output_names=set()),
    )
    reported: list[Any] = [] if events is None else events
    reported += make_table(
        context,
        without_inputs(spec),
        lambda _run, _inputs: iter(make()),
        run_for(shop),
    )
    return reported


def materialize_gated(
    shop: Shop,
    spec: TableSpec,
    make: Make,
    instance: dg.DagsterInstance,
    *,
    days: dg.PartitionsDefinition[str] | None = None,
    expected: int = 0,
    **where: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize a table of a test in a run of Dagster."""

    @dg.asset(
        name=spec.name,
        partitions_def=days if spec.is_daily else None,
        backfill_policy=dg.BackfillPolicy.single_run() if spec.is_daily else None,
        check_specs=check_specs(spec, days),  # type: ignore[arg-type]
    )
    def gated(context: dg.AssetExecutionContext) -> Iterator[Event]:
        keys = context.partition_keys if spec.is_daily else []
        days = [date.fromisoformat(key) for key in keys]
        run = run_for(shop, days, expected=expected)
        made_from_nothing = without_inputs(spec)
        yield from make_table(
            context, made_from_nothing, lambda _run, _inputs: iter(make()), run
        )

    return dg.materialize(
        [gated],
        instance=instance,
        resources={"io_manager": StoredBehindTheGate()},
        raise_on_error=False,
        **where,
    )
