"""The months that are over: their sales added up by record, and the special ones.

What the analytics of a day need of the months before the rolling window is read from
checkpoints, and made from the stored days where there is none. Late sales, other days
or a damaged file make a checkpoint be made again, from the last one that is valid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics_pipeline.domain.analytics import (
    ROLLING_DAYS,
    STATE,
    fold_states,
    is_special,
    sum_state,
)
from analytics_pipeline.domain.order_days import RECORD_DAYS, sum_record_days
from analytics_pipeline.engine.duckdb import columns_to_ibis, open_files
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.checkpoints import (
    Checkpoint,
    Checkpoints,
    last_month_end,
    list_month_ends,
    split_months,
    split_years,
)

MONTHS_AT_ONCE = 4
"""How many months are added up by day in one query."""

FIRST_SEARCH = 2
"""How many months are searched at first for a sale that is named; then twice as many
each time: what is named is mostly recent."""

COLUMNS = ibis.schema(
    {
        "sale_id": "string",
        "business_date": "timestamp(6)",
        "customer_id": "string",
        "outlet_id": "string",
        "source": "string",
        "source_id": "string",
        "web_order_number": "string",
        "return_for": "string",
        "state": "string",
        "is_deleted": "boolean",
        "is_completed": "boolean",
        "is_order": "boolean",
        "total_incl_cents": "int64",
        "value_incl_cents": "int64",
        "value_excl_cents": "int64",
        "refunded_incl_cents": "int64",
        "refunded_excl_cents": "int64",
    }
)
"""What the analytics and the reconciliation need of a sale."""


@dataclass(frozen=True, slots=True)
class ClosedMonths:
    """The stored sales up to the end of a month.

    Attributes:
        end: the last day that is in them.
        state: the sums of every record (``domain.analytics.STATE``).
        special: the special sales, with ``COLUMNS``.
    """

    shop: Shop
    checkpoints: Checkpoints
    checkpoint: Checkpoint
    state: ir.Table
    special: ir.Table

    @property
    def end(self) -> date:
        """The last day that is in them."""
        return self.checkpoint.end

    @property
    def days(self) -> ir.Table:
        """The sums by record and day (``domain.order_days.RECORD_DAYS``)."""
        return _open_record_days(self.shop, self.checkpoints, self._days())

    def find(self, wanted: ir.Table) -> ir.Table:
        """Return those of the sales *wanted* that are in these months: ``COLUMNS``.

        The answer is kept, also for an id that is no sale of theirs.

        Args:
            wanted: one row a sale: ``sale_id``.
        """
        known = _open_named(self.shop, self.checkpoints, self.checkpoint)
        unknown = wanted.anti_join(known, "sale_id")
        ids = sorted(self.shop.engine.to_pandas(unknown)["sale_id"].tolist())
        if ids:
            found = _search(self.shop, self._days(), ids)
            absent = set(ids) - set(found["sale_id"].to_pylist())
            rows = [_bring(self.shop, known, COLUMNS), found, _absent(sorted(absent))]
            self.checkpoints.write_named(self.checkpoint, pa.concat_tables(rows))
            known = _open_named(self.shop, self.checkpoints, self.checkpoint)
        is_there = known["business_date"].notnull()
        return known.filter(is_there).semi_join(wanted, "sale_id")

    def _days(self) -> list[str]:
        return self.shop.days_until(self.end)


def open_closed_months(shop: Shop, day: date) -> ClosedMonths | None:
    """Return what the analytics of *day* need not read day by day, if there is any.

    Checkpoints that are missing are made.  A run that makes everything again from the
    days themselves has none, nor has one for which the content of a day is not known:
    it reads that day, and so finds what is wrong with it.
    """
    end = last_month_end(day - timedelta(days=ROLLING_DAYS))
    if not shop.uses_checkpoints or end.isoformat() < shop.first_day:
        return None
    state = (end, shop.warehouse.attempts("raw_sales"))
    return shop.keep("closed months", state, lambda: _open(shop, end))


def _open(shop: Shop, end: date) -> ClosedMonths | None:
    states = shop.warehouse.states("raw_sales")
    if not states.keys() >= set(shop.days_until(end)):
        return None
    checkpoints = Checkpoints(shop.warehouse.root / "raw_sales", states)
    checkpoint = checkpoints.at(end)
    special = _open_special(shop, checkpoints, end)
    state = checkpoints.state(checkpoint)
    if state is None:
        state = _make_state(shop, checkpoints, end)
        checkpoints.prune(checkpoint)
    return ClosedMonths(
        shop,
        checkpoints,
        checkpoint,
        open_files(shop.engine, [state], STATE.to_pyarrow()),
        special,
    )


# ----------------------------------------------------------------------------------
# The sums by record.


def _make_state(shop: Shop, checkpoints: Checkpoints, end: date) -> str:
    """Make the sums up to *end* from the last ones that are valid; return the file.

    The end of each year on the way is kept too, so that a change of an old day costs
    about a year of reading.
    """
    first = date.fromisoformat(shop.first_day)
    before = checkpoints.latest(list_month_ends(first, end))
    since = before.end + timedelta(days=1) if before else first
    years = [day for day in list_month_ends(since, end) if day.month == 12]
    file = checkpoints.state(before) if before else None
    for last in sorted({*years, end}):
        days = [day for day in shop.days_until(last) if day >= since.isoformat()]
        sums = sum_state(shop.open_sales(days))
        if file:
            sums = fold_states(
                sums, open_files(shop.engine, [file], STATE.to_pyarrow())
            )
        made = checkpoints.at(last)
        if before:
            _keep_named(shop, checkpoints, before, made)
        checkpoints.write_state(made, _bring(shop, sums.order_by("customer_id"), STATE))
        file, before = checkpoints.state(made), made
        since = last + timedelta(days=1)
    return str(file)


def _keep_named(
    shop: Shop, checkpoints: Checkpoints, before: Checkpoint, made: Checkpoint
) -> None:
    """Let a later checkpoint know the named sales that an earlier one has found."""
    known = _open_named(shop, checkpoints, before)
    found = _bring(shop, known.filter(known["business_date"].notnull()), COLUMNS)
    if found.num_rows:
        checkpoints.write_named(made, found)


def _bring(shop: Shop, rows: ir.Table, schema: ibis.Schema) -> pa.Table:
    """Return *rows* with exactly the types of *schema*."""
    found: pa.Table = shop.engine.to_pyarrow(rows)
    return found.select(schema.names).cast(schema.to_pyarrow())


# ----------------------------------------------------------------------------------
# The special sales, one file a year.


def _open_special(shop: Shop, checkpoints: Checkpoints, end: date) -> ir.Table:
    """Return the special sales up to *end*; those of years without a file are made."""
    files = []
    for days in split_years(shop.days_until(end)):
        file = checkpoints.special(days)
        if file is None:
            sales = shop.open_sales(days)
            rows = _bring(shop, sales.filter(is_special(sales)), COLUMNS)
            checkpoints.write_special(days, rows)
            file = checkpoints.special(days)
        files.append(str(file))
    return open_files(shop.engine, files, COLUMNS.to_pyarrow())


# ----------------------------------------------------------------------------------
# The sums by record and day, one file a month.


def _open_record_days(
    shop: Shop, checkpoints: Checkpoints, days: Sequence[str]
) -> ir.Table:
    """Return the sums of *days*; those of months without a file are made."""
    months = split_months(days)
    missing = [month for month in months if checkpoints.by_day(month) is None]
    for start in range(0, len(missing), MONTHS_AT_ONCE):
        some = missing[start : start + MONTHS_AT_ONCE]
        sums = sum_record_days(shop.open_sales(chain.from_iterable(some)))
        rest = _bring(shop, sums.order_by(*RECORD_DAYS.names[:4]), RECORD_DAYS)
        for month in some[:-1]:
            # The first day has all sales from before it too, so nothing but the end.
            last = pa.scalar(datetime.fromisoformat(month[-1]), pa.timestamp("us"))
            is_here = pc.less_equal(rest["business_date"], last)
            checkpoints.write_by_day(month, rest.filter(is_here))
            rest = rest.filter(pc.invert(is_here))
        checkpoints.write_by_day(some[-1], rest)  # all of the rest: nothing is lost
    files = [str(checkpoints.by_day(month)) for month in months]
    return open_files(shop.engine, files, RECORD_DAYS.to_pyarrow())


# ----------------------------------------------------------------------------------
# Sales that are named: by a web order of the export, or by a return.


def _open_named(
    shop: Shop, checkpoints: Checkpoints, checkpoint: Checkpoint
) -> ir.Table:
    """Return the sales found so far; an id that is no sale has nothing but itself."""
    file = checkpoints.named(checkpoint)
    files = [file] if file else []
    return open_files(shop.engine, files, COLUMNS.to_pyarrow())


def _absent(ids: Sequence[str]) -> pa.Table:
    """Return a row for each id that is no sale."""
    schema = COLUMNS.to_pyarrow()
    columns = [pa.nulls(len(ids), field.type) for field in schema]
    columns[schema.get_field_index("sale_id")] = pa.array(ids, pa.string())
    return pa.table(columns, schema=schema)


def _search(shop: Shop, days: Sequence[str], ids: Sequence[str]) -> pa.Table:
    """Look for the sales *ids* in *days*, the latest months first."""
    months = sorted({day[:7] for day in days}, reverse=True)
    found = [COLUMNS.to_pyarrow().empty_table()]
    rest, some = set(ids), FIRST_SEARCH
    while rest and months:
        chosen, months = set(months[:some]), months[some:]
        with shop.reading_only(["raw_sales"]):
            sales = shop.open_sales([day for day in days if day[:7] in chosen])
        asked = pd.DataFrame({"sale_id": sorted(rest)})
        wanted = columns_to_ibis(asked, {"sale_id": "string"})
        rows = _bring(shop, sales.semi_join(wanted, "sale_id"), COLUMNS)
        found.append(rows)
        rest -= set(rows["sale_id"].to_pylist())
        some *= 2
    return pa.concat_tables(found)
