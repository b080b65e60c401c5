"""What a table is given: its inputs, loaded for the gate, and proved to be current."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

from analytics_pipeline.assets.customer_analytics import check_currency, load_analytics
from analytics_pipeline.assets.customer_identities import (
    describe_everyone,
    load_identities,
    read_overrides,
)
from analytics_pipeline.assets.ecom_feed import open_known_orders
from analytics_pipeline.assets.ecom_orders import open_sold_order_numbers
from analytics_pipeline.assets.ecom_reconciliation import load_reconciled_orders
from analytics_pipeline.assets.products import current_products
from analytics_pipeline.assets.purchases import open_purchases
from analytics_pipeline.assets.raw_sales import open_whole_log
from analytics_pipeline.assets.sales_feed import find_quarantined_sales
from analytics_pipeline.assets.table import StoredDays, TableFunction, TableRun
from analytics_pipeline.model.checks import Candidate, CheckResult
from analytics_pipeline.shop import Shop
from analytics_pipeline.tables import (
    IDENTITY_OVERRIDES,
    PEOPLE,
    PURCHASES,
    QUARANTINED_SALES,
    RECONCILED_ORDERS,
    SOLD_ORDER_NUMBERS,
    TABLES,
    Input,
    Intermediate,
    Reads,
    TableSpec,
)

WorkOut = Callable[[Shop, date | None, date | None], Any]
"""Works out an intermediate for a shop, as of a day, in a run up to a last day."""

INTERMEDIATES: Mapping[str, WorkOut] = MappingProxyType(
    {
        PURCHASES.name: lambda shop, day, last: (
            open_purchases(shop, day, last) if day and last else None
        ),
        PEOPLE.name: lambda shop, *_days: describe_everyone(shop),
        QUARANTINED_SALES.name: lambda shop, *_days: find_quarantined_sales(shop),
        SOLD_ORDER_NUMBERS.name: lambda shop, *_days: open_sold_order_numbers(shop),
        IDENTITY_OVERRIDES.name: lambda shop, *_days: read_overrides(shop),
        RECONCILED_ORDERS.name: lambda shop, day, _last: load_reconciled_orders(
            shop, day
        ),
    }
)
"""What works out each intermediate."""


LOADERS: Mapping[str, Callable[[Shop, Any], Any]] = MappingProxyType(
    {
        "sales_feed": lambda shop, _day: open_whole_log(shop),
        "ecom_feed": lambda shop, _day: open_known_orders(shop),
        "products": lambda shop, _day: current_products(shop),
        "customer_identities": lambda shop, _day: load_identities(shop),
        "customer_analytics": load_analytics,
    }
)
"""What loads a table that must be current, or what is known by a log."""

BUILT_ON = frozenset({Reads.WHOLE, Reads.SAME_DAY, Reads.UP_TO_DAY, Reads.RESULT})
"""How an input is read that must have passed its gate."""


def make_candidates(
    spec: TableSpec, make: TableFunction, run: TableRun
) -> Iterator[Candidate]:
    """Make the candidates of *spec* by *make*, from its inputs.

    A table that is made by day is given the inputs of one day after the other. Where
    a day was not read to its end, or the stored sales are not what the log says,
    nothing is loaded: the candidate has the check results alone.

    Raises:
        WrongUse: the clocks of the shop have left out the day.
        InputFailed: an input's last attempt failed its gate.
        GateFailed: an input is older than what it was made from.
        LocalFailure: an input was never stored, or cannot be read.
    """
    if len(run.days) <= 1:  # a range passes over such a day
        run.shop.refuse_missing_day(*(run.days or [run.as_of]))
    if not spec.is_made_by_day:
        published = run.shop.publication.published()
        day = date.fromisoformat(published.as_of) if published else None
        refuse_failed_inputs(spec, run.shop, day)
        yield from make(run, load_inputs(spec, run.shop, day, day, {}))
        return
    lasting: dict[str, Any] = {}
    for day in run.days:
        of_day = run.of(day)
        refuse_failed_inputs(spec, run.shop, day)
        before = check_before(spec, of_day)
        if any(result.blocks for result in before):
            yield Candidate(None, before, day.isoformat())
            continue
        inputs = load_inputs(spec, run.shop, day, max(run.days), lasting)
        for candidate in make(of_day, inputs):
            results = [*before, *candidate.check_results]
            yield replace(candidate, check_results=results, partition=day.isoformat())


def refuse_failed_inputs(spec: TableSpec, shop: Shop, day: date | None) -> None:
    """Make sure that the last attempt at each input of *day* passed its gate.

    Raises:
        InputFailed: one did not.
    """
    for each in spec.tables_read:
        if each.reads in BUILT_ON:
            shop.refuse_failed(each.name, _partitions_of(each, shop, day))


def check_before(spec: TableSpec, run: TableRun) -> list[CheckResult]:
    """Return the results of those checks of *spec* that come before its inputs."""
    results = []
    if "is_caught_up" in spec.checks:
        results.append(run.catch_up.evaluate(run.day))
    if "sales_are_current" in spec.checks:
        currency = check_currency(run.shop, max(run.days))
        results.append(currency.evaluate(run.day))
    return results


def load_inputs(
    spec: TableSpec,
    shop: Shop,
    day: date | None,
    last: date | None,
    lasting: dict[str, Any],
) -> dict[str, Any]:
    """Load what the function of *spec* is given.

    Args:
        spec: the table that is made.
        shop: whose.
        day: the day that is made, or the published one; none before there is one.
        last: the last day that the run makes.
        lasting: the inputs that are the same for every day of the run, once loaded.

    Raises:
        InputFailed: an input's last attempt failed its gate.
        GateFailed: an input is older than what it was made from.
        LocalFailure: an input was never stored, or cannot be read.
    """
    loaded: dict[str, Any] = {}
    for each in spec.inputs:
        place = loaded if each.is_of_day else lasting
        if each.is_given and each.name not in place:
            with shop.reading_only(table.name for table in each.inputs):
                place[each.name] = _load(each, shop, day, last)
    return loaded | lasting


def _load(
    each: Input | Intermediate, shop: Shop, day: date | None, last: date | None
) -> Any:
    """Load one input; an optional one, or an earlier one, may be missing."""
    if isinstance(each, Intermediate):
        return INTERMEDIATES[each.name](shop, day, last)
    spec, partition = TABLES[each.name], _partition_of(each, day)
    if each.reads is Reads.ANY_DAY or (each.reads is Reads.EARLIER and spec.is_daily):
        return StoredDays(shop, spec)
    if each.reads is Reads.EARLIER:
        is_there = shop.warehouse.exists(spec.name)
        return shop.warehouse.read(spec.name, spec.schema) if is_there else None
    if each.reads is Reads.UP_TO_DAY:
        return None if day is None else shop.sales_until(day)
    if each.is_optional and not shop.warehouse.exists(spec.name, partition):
        return None
    if load := LOADERS.get(spec.name):
        return load(shop, day)
    return shop.load(spec.name, spec.schema, partition)


def _partitions_of(each: Input, shop: Shop, day: date | None) -> list[str]:
    """Return the partitions of an input that a table of *day* is built on."""
    if each.reads is Reads.UP_TO_DAY and day is not None:
        return shop.days_until(day)
    return [_partition_of(each, day) or ""]


def _partition_of(each: Input, day: date | None) -> str | None:
    """Return the partition of an input; none where the table has no days."""
    return day.isoformat() if day and TABLES[each.name].is_daily else None
