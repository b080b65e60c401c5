"""The analytics of a day with Polars, streamed from the same files."""

from datetime import datetime, time, timedelta
from pathlib import Path

import polars as pl

from benchmarks import LAST
from benchmarks.customer_analytics import evaluate
from benchmarks.worker import Outcome, Stopwatch

DAY = datetime.combine(LAST, time())
START = DAY - timedelta(days=90)
SPECIAL = (
    *("sale_id", "business_date", "customer_id", "source", "source_id"),
    *("web_order_number", "return_for", "is_completed", "is_order"),
    *("total_incl_cents", "refunded_incl_cents"),
)
PAID = ("ACCEPTED", "PAID", "PARTIALLY_REFUNDED")
UNDONE = ("WILL_NOT_DELIVER", "RETURNED")
SUMS = ("value", "recent", "orders", "recent_orders", "ecom", "refunded")

is_web = pl.col("source").str.starts_with("ecw:")


def measure(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Work the figures out and hand them over as a frame."""
    with stopwatch.running():
        figures = analyse(Path(folder) / "warehouse")
        frame = figures.to_pandas()
    return evaluate(frame)


def analyse(tables: Path) -> pl.DataFrame:
    """Return the figures of every person as of the day."""
    sales = pl.scan_parquet(sorted(tables.glob("raw_sales/*.parquet"))).filter(
        pl.col("business_date") <= DAY
    )
    identities = pl.read_parquet(tables / "customer_identities/*.parquet")
    customers = pl.read_parquet(tables / "customers/*.parquet")
    orders = _read_orders(tables, identities)
    records = identities.filter(pl.col("record_kind") == "customer").select(
        customer_id="record_id", person_id="person_id"
    )
    no_one = customers.filter("is_walk_in")["customer_id"]
    nobodys = pl.col("customer_id").is_null() | pl.col("customer_id").is_in(
        no_one.implode()
    )
    is_marked = is_web | pl.any_horizontal(
        pl.col("web_order_number", "return_for").is_not_null()
    )
    chosen = sales.select(*SPECIAL, is_nobodys=nobodys)
    owned = sales.filter(pl.col("is_completed") & ~nobodys)
    by_record, marked = pl.collect_all(
        [owned.group_by("customer_id").agg(*_figures()), chosen.filter(is_marked)],
        engine="streaming",
    )
    special = pl.concat([marked, _find_named(chosen, marked, orders)])
    matched = _match(special, orders)
    tied = _tie(special, matched, records)
    unsynced = orders.filter("is_paid").join(matched, on="order_number", how="anti")
    parts = [
        by_record.join(records, on="customer_id").drop("customer_id"),
        special.filter("is_completed")
        .join(tied, on="sale_id")
        .group_by("person_id")
        .agg(*_figures()),
        _figures_of_orders(unsynced),
        _noted_orders(special, matched, tied, records),
    ]
    sums = _add_up(parts)
    return _grade(_list_people(identities).join(sums, on="person_id", how="left"))


def _read_orders(tables: Path, identities: pl.DataFrame) -> pl.DataFrame:
    people = identities.select(ecom_customer_id="record_id", person_id="person_id")
    return (
        pl.read_parquet(tables / "ecom_orders/*.parquet")
        .filter(pl.col("order_date") <= DAY)
        .join(people, on="ecom_customer_id", how="left")
        .select(
            "order_number",
            "order_date",
            "total_cents",
            "person_id",
            named="sale_id",
            is_paid=pl.col("payment_status").is_in(PAID)
            & ~pl.col("fulfillment_status").is_in(UNDONE),
        )
    )


def _figures() -> list[pl.Expr]:
    """Return the sums over sales."""
    value, order, day = (
        pl.col(name) for name in ("total_incl_cents", "is_order", "business_date")
    )
    recent = day > START
    return [
        value.sum().alias("value"),
        value.filter(recent).sum().alias("recent"),
        order.sum().cast(pl.Int64).alias("orders"),
        (order & recent).sum().cast(pl.Int64).alias("recent_orders"),
        (order & is_web).sum().cast(pl.Int64).alias("ecom"),
        day.filter(order).min().alias("first_day"),
        day.filter(order).max().alias("last_day"),
        pl.col("refunded_incl_cents").sum().alias("refunded"),
    ]


def _find_named(
    sales: pl.LazyFrame, marked: pl.DataFrame, orders: pl.DataFrame
) -> pl.DataFrame:
    """Return the other sales that an order or an unnamed return names."""
    returned = marked.filter("is_nobodys").select(sale_id="return_for")
    named = (
        pl.concat([orders.select(sale_id="named"), returned])
        .drop_nulls()
        .unique()
        .join(marked, on="sale_id", how="anti")
    )
    return sales.join(named.lazy(), on="sale_id", how="semi").collect(
        engine="streaming"
    )


def _match(special: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Return the sales that are web orders: by source, note, export (rule 4.3)."""
    columns = ["sale_id", "order_number", "person_id"]
    wanted = orders.select("order_number", "person_id")
    by_source = special.filter(is_web).join(
        wanted, left_on="source_id", right_on="order_number", coalesce=False
    )
    by_note = (
        special.filter(pl.col("return_for").is_null())
        .join(by_source, on="sale_id", how="anti")
        .join(
            wanted.join(by_source, on="order_number", how="anti"),
            left_on="web_order_number",
            right_on="order_number",
            coalesce=False,
        )
    )
    stronger = pl.concat([by_source.select(columns), by_note.select(columns)])
    number = pl.col("order_number")
    by_export = (
        orders.drop_nulls("named")
        .join(stronger, on="order_number", how="anti")
        .join(special, left_on="named", right_on="sale_id", coalesce=False)
        .filter(
            ~(is_web & (pl.col("source_id") != number)).fill_null(False)
            & ~(pl.col("web_order_number") != number).fill_null(False)
        )
        .sort(number.str.len_chars(), number)
        .unique("sale_id", keep="first", maintain_order=True)
    )
    return pl.concat([stronger, by_export.select(columns)])


def _tie(
    special: pl.DataFrame, matched: pl.DataFrame, records: pl.DataFrame
) -> pl.DataFrame:
    """Return the person of unattributed sales, by web order or by what they return.

    A return of a return is followed until somebody is known.
    """
    own = special.join(matched, on="sale_id", how="left").join(
        records, on="customer_id", how="left", suffix="_of_record"
    )
    known = own.select(
        "sale_id",
        "return_for",
        "is_nobodys",
        "person_id",
        found=pl.when("is_nobodys").then("person_id").otherwise("person_id_of_record"),
    )
    lost = pl.col("is_nobodys") & pl.col("person_id").is_null()
    tied = [known.filter(pl.col("is_nobodys")).select("sale_id", person_id="found")]
    walk = known.filter(lost).select("sale_id", step="return_for").drop_nulls()
    while len(walk):
        there = walk.join(known, left_on="step", right_on="sale_id")
        tied.append(there.select("sale_id", person_id="found"))
        walk = there.filter(lost).select("sale_id", step="return_for").drop_nulls()
    return pl.concat(tied).drop_nulls()


def _figures_of_orders(unsynced: pl.DataFrame) -> pl.DataFrame:
    recent = pl.col("order_date") > START
    return unsynced.group_by("person_id").agg(
        value=pl.col("total_cents").sum(),
        recent=pl.col("total_cents").filter(recent).sum(),
        orders=pl.len().cast(pl.Int64),
        recent_orders=recent.sum().cast(pl.Int64),
        ecom=pl.len().cast(pl.Int64),
        first_day=pl.col("order_date").min(),
        last_day=pl.col("order_date").max(),
    )


def _noted_orders(
    special: pl.DataFrame,
    matched: pl.DataFrame,
    tied: pl.DataFrame,
    records: pl.DataFrame,
) -> pl.DataFrame:
    """Count the orders of the till that a note ties to the web shop."""
    of_web = special.filter(pl.col("is_completed") & pl.col("is_order") & ~is_web)
    tied_to = tied.rename({"person_id": "by_tie"})
    return (
        of_web.join(matched, on="sale_id", how="semi")
        .join(tied_to, on="sale_id", how="left")
        .join(records, on="customer_id", how="left")
        .with_columns(person_id=pl.coalesce("by_tie", "person_id"))
        .group_by("person_id")
        .agg(ecom=pl.len().cast(pl.Int64))
    )


def _add_up(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return (
        pl.concat(parts, how="diagonal")
        .filter(pl.col("person_id").is_not_null())
        .group_by("person_id")
        .agg(
            pl.len().alias("parts"),
            *(pl.col(name).sum() for name in SUMS),
            pl.col("first_day").min(),
            pl.col("last_day").max(),
        )
    )


def _list_people(identities: pl.DataFrame) -> pl.DataFrame:
    live = identities.filter(pl.col("is_live") & pl.col("person_id").is_not_null())
    is_customer = (pl.col("record_kind") == "customer").any().alias("is_customer")
    return live.group_by("person_id").agg(is_customer)


def _grade(people: pl.DataFrame) -> pl.DataFrame:
    kept = people.filter(pl.col("is_customer") | pl.col("parts").is_not_null())
    value, recent, orders, recent_orders, ecom, refunded = (
        pl.col(name).fill_null(0) for name in SUMS
    )
    days = (pl.lit(DAY) - pl.col("last_day")).dt.total_days()
    average = value.sign() * ((2 * value.abs() + orders) // (2 * orders))
    return kept.select(
        as_of=pl.lit(DAY).cast(pl.Datetime("us")),
        customer_id="person_id",
        lifetime_value_cents=value,
        rolling_90_day_value_cents=recent,
        order_count=orders,
        rolling_90_day_order_count=recent_orders,
        average_order_value_cents=pl.when(orders > 0).then(average),
        first_order_date="first_day",
        last_order_date="last_day",
        days_since_last_order=days,
        is_vip=value >= 100_000,
        is_high_value=value.is_between(50_000, 99_999),
        inactive_segment=_first_that(
            [(days.is_null(), "never"), *((days >= n, f"{n}d") for n in (90, 60, 30))],
            "active",
        ),
        tier=_first_that(
            [
                (recent >= 150_000, "Evergreen"),
                (recent >= 75_000, "Bloom"),
                (recent >= 25_000, "Sprout"),
                (orders > 0, "Seed"),
            ],
            "None",
        ),
        ecom_order_count=ecom,
        retail_order_count=orders - ecom,
        refunded_value_cents=refunded,
    )


def _first_that(cases: list[tuple[pl.Expr, str]], otherwise: str) -> pl.Expr:
    word: pl.Expr = pl.lit(otherwise)
    for condition, then in reversed(cases):
        word = pl.when(condition).then(pl.lit(then)).otherwise(word)
    return word
