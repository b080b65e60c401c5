"""docs/worked-example.md is true: its tables are read, and every figure recomputed.

The records, sales and orders of its tables are sent as a store sends them, in both
shapes, through a whole run; what is published is compared with what the page says.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from pydantic import SecretStr

from analytics_pipeline.domain.web_orders import counts_unsynced, match_orders
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline_tests.contract.test_rules_are_quoted import RULES
from analytics_pipeline_tests.light_run import PatientLightspeed, run_light
from analytics_pipeline_tests.paper_store import PaperStore
from analytics_pipeline_tests.till_payloads import Item, TillSale, as_flat, as_nested

PAGE = Path(__file__).parents[2] / "docs" / "worked-example.md"
D = date(2026, 6, 30)
NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
ZONE = "America/New_York"
SHOPS = {"main": ZONE, "west": "America/Los_Angeles"}
WEB_SHOP = "ecw:0123456789ABCDEF"
ADA = "ada-1"
MASTER, BUYERS = "customer_analytics_master.csv", "first_time_buyers.csv"
LINE = re.compile(
    r"(?P<net>-?[\d.]+)(?: \((?P<tax>-?[\d.]+) tax\))?(?P<kind> back| discount)?"
)
Row = dict[str, str]

# The page ------------------------------------------------------------------------


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


@cache
def tables() -> dict[str, list[Row]]:
    """Return the tables of the page by the title of their first column."""
    found: dict[str, list[Row]] = {}
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("|---"):
            titles = cells_of(lines[number - 1])
            rows = found.setdefault(titles[0], [])
            for row in lines[number + 1 :]:
                if not row.startswith("|"):
                    break
                rows.append(dict(zip(titles, cells_of(row), strict=True)))
    return found


def test_every_table_of_the_page_is_used_here() -> None:
    assert list(tables()) == [
        "Record", "left_id", "Joined record", "Sale", "Order", "Column",
        "Column without tax", "As of", "Customer ID", "First-time buyer", "Sum",
        "Rule", "Rule not seen",
    ]  # fmt: skip


# What is sent ----------------------------------------------------------------------


def moment(written: str) -> str | None:
    day, _, time = written.partition(" ")
    return f"{day}T{time or '12:00:00'}+00:00" if day else None


def customers() -> list[dict[str, Any]]:
    return [
        {
            "id": row["Record"],
            "customer_code": row["Code"],
            "name": row["Name"],
            "email": row["E-mail"] or None,
            "phone": row["Phone"] or None,
            "created_at": moment(row["Created"]),
            "updated_at": moment(row["Updated"]),
            "deleted_at": moment(row["Deleted"]),
            "version": number,
        }
        for number, row in enumerate(tables()["Record"], 1)
    ]


def items(written: str) -> Iterator[Item]:
    for line in filter(None, written.split("; ")):
        reported = LINE.fullmatch(line)
        assert reported, line
        amount, tax = Decimal(reported["net"]), Decimal(reported["tax"] or 0)
        count = "-1" if reported["kind"] else "1"
        yield Item(str(amount - tax), str(tax), count, reported["kind"] == " back")


def sale_of(row: Row) -> TillSale:
    """Return the sale of a row; a status that no one knows is a state as well."""
    kind, _, number = row["Web order"].partition(" ")
    return TillSale(
        list(items(row["Lines"])),
        row["Status"],
        [paid for paid in row["Paid"].split("; ") if paid],
        row["Made against"] or None,
        sale_id=row["Sale"],
        date=str(moment(row["When (UTC)"])),
        outlet_id=row["Shop"],
        customer_id=row["Under"],
        source=WEB_SHOP if kind == "source" else "USER",
        source_id=number if kind == "source" else None,
        note=f"Order ID:{number}" if kind == "note" else None,
        total=row["Total"],
        net_total=None if row["Lines"] else row["Total"],
    )


def sales(shape: Any) -> list[dict[str, Any]]:
    numbered = enumerate(map(sale_of, tables()["Sale"]), 1)
    return [shape(replace(sale, version=number)) for number, sale in numbered]


def write_export(path: Path) -> None:
    """Write the web shop's export: as many rows an order as it has lines."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(
            ["order_number", "timestamp", "email", "bill_person_name",
             "payment_status_code", "fulfillment_status_code", "order_total",
             "order_tax", "X-series Order ID", "sku"]
        )  # fmt: skip
        for row in tables()["Order"]:
            shared = [
                row["Order"], row["Placed (store time)"], row["E-mail"], row["Name"],
                row["Payment"], row["Fulfilment"], row["Total"], row["Tax"],
                row["Sale named"],
            ]  # fmt: skip
            for line in range(int(row["Lines"])):
                writer.writerow([*shared, f"SKU-{line}"])


def write_overrides(path: Path) -> None:
    titles = ["left_id", "right_id", "rule", "reason"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, titles, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(tables()["left_id"])


def store(api_version: str) -> httpx.BaseTransport:
    """Return the store of the page, as it answers in this version."""
    outlets = [
        {"id": name, "name": name, "time_zone": zone, "version": number}
        for number, (name, zone) in enumerate(SHOPS.items(), 1)
    ]
    return PaperStore(
        {"id": "store", "timezone": ZONE, "country": "US"},
        {
            "outlets": outlets,
            "registers": [{"id": "till", "outlet_id": "main", "version": 1}],
            "customers": customers(),
            "sales": sales(as_flat if api_version == "2.0" else as_nested),
        },
        NOW,
    )


class Published:
    """A data directory that is updated from the store of the page."""

    def __init__(self, data: Path, api_version: str, policy: str = "") -> None:
        data.mkdir(parents=True)
        write_export(data / "ecom_orders_export.csv")
        write_overrides(data / "identity_overrides.csv")
        (data / "analytics.toml").write_text(policy, encoding="utf-8")
        self.data = data
        self.api_version = api_version
        self.settings: Settings = load_settings(
            data_dir=data,
            start_date=date(2026, 6, 28),  # it also holds every earlier sale
            time_zone=ZONE,
            domain_prefix="demo",
            token=SecretStr("on-paper"),
            api_url="http://127.0.0.1:9",
            api_version=api_version,
        )

    def update(self, day: date = D) -> "Published":
        options = {"transport": store(self.api_version), "now": lambda: NOW}
        run_light(
            self.settings,
            day,
            days=0,
            lightspeed=PatientLightspeed(self.settings, options),
            clock=lambda: NOW,
        )
        return self

    def rows(self, day: date = D, name: str = "customer_analytics") -> dict[str, Row]:
        path = self.data / f"archive/{name}_{day}.csv"
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["Customer ID"]: row for row in csv.DictReader(stream)}

    def stored(self, table: str) -> pd.DataFrame:
        paths = sorted((self.data / "warehouse" / table).glob("*.parquet"))
        return pd.concat([pd.read_parquet(path) for path in paths])


@pytest.fixture(scope="module", params=["2.0", "2026-07"])
def published(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("paper") / "data", request.param).update()


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The same store, for a day of the page to be published after the other."""
    return Published(tmp_path_factory.mktemp("later") / "data", "2026-07")


BY_DAY = ("2026-07-19", "2026-08-29")
"""When she has left a tier, and when the last purchase has left the window."""


# What it comes to ------------------------------------------------------------------


def test_who_is_who_rules_3_1_to_3_6(published: Published) -> None:
    found = published.stored("customer_identities").set_index("record_id")
    for row in tables()["Record"]:
        if row["Person"] == "no one":
            assert row["Record"] not in found.index
        else:
            assert found.loc[row["Record"], "person_id"] == row["Person"]
    edges = found[found["record_kind"] == "customer"]["evidence"].dropna().to_dict()
    values = {
        row["Joined record"]: row["Because of"] for row in tables()["Joined record"]
    }
    assert edges == values


@pytest.mark.parametrize("row", tables()["Sale"], ids=lambda row: row["Sale"])
def test_each_sale_has_its_day_and_its_value_rules_1_2_to_2_4(
    published: Published, row: Row
) -> None:
    if row["Counts"] == "later":
        assert row["Day"] > D.isoformat()
        assert row["Sale"] not in set(published.stored("raw_sales")["sale_id"])
        return
    sale = published.stored("raw_sales").set_index("sale_id").loc[row["Sale"]]
    assert str(sale["business_date"].date()) == row["Day"]
    assert (row["Counts"], row["Order"]) == (
        "yes" if sale["is_completed"] else "no",
        "yes" if sale["is_order"] else "no",
    )
    assert sale["total_incl_cents"] == Decimal(row["Value"]) * 100


def test_each_order_has_its_sale_its_day_and_its_person_rules_4_1_to_4_5(
    published: Published,
) -> None:
    orders = published.stored("ecom_orders")
    people = published.stored("customer_identities").set_index("record_id")["person_id"]
    matched = match_orders(orders, published.stored("raw_sales"), D)
    evidence = matched.set_index("order_number")["evidence"]
    found = orders.set_index("order_number")
    adds = counts_unsynced(orders).set_axis(orders["order_number"])
    for row in tables()["Order"]:
        order = found.loc[row["Order"]]
        assert evidence[row["Order"]] == row["Found by"]
        assert str(order["order_date"].date()) == row["Day"]
        assert order["total_cents"] == Decimal(row["Value"]) * 100
        added = row["Found by"] == "none" and adds[row["Order"]]
        assert row["Counts"] == ("yes" if added else "no")
        whose = people.get(order["ecom_customer_id"], "no one")
        assert whose == row["Whose"]


def test_adas_row_is_what_the_page_says_rules_5_1_to_5_6(published: Published) -> None:
    values = {row["Column"]: row["Figure"] for row in tables()["Column"]}

    assert published.rows()[ADA] == values


def test_everybodys_row_is_what_the_page_says(published: Published) -> None:
    assert list(published.rows()) == [
        row["Customer ID"] for row in tables()["Customer ID"]
    ]
    for row in tables()["Customer ID"]:
        figures = {name: cell for name, cell in row.items() if name != "Rules"}
        assert figures.items() <= published.rows()[row["Customer ID"]].items()


def test_the_first_time_buyers_are_what_the_page_says_rule_6(
    published: Published,
) -> None:
    found = published.rows(name="first_time_buyers")

    reported = tables()["First-time buyer"]
    assert list(found) == [row["First-time buyer"] for row in reported]
    for row in reported:
        figures = {
            k: v for k, v in row.items() if k not in ("First-time buyer", "Rules")
        }
        assert figures.items() <= found[row["First-time buyer"]].items()


@pytest.mark.nightly
def test_without_tax_the_page_is_right_too_rule_1_4(tmp_path: Path) -> None:
    shop = Published(tmp_path / "data", "2.0", 'money_basis = "excl_tax"\n').update()

    with_tax = {row["Column"]: row["Figure"] for row in tables()["Column"]}
    changed = shop.rows()[ADA].items() - with_tax.items()

    reported = tables()["Column without tax"]
    assert dict(changed) == {
        row["Column without tax"]: row["Figure"] for row in reported
    }


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            row,
            id=row["As of"],
            marks=() if row["As of"] in BY_DAY else pytest.mark.nightly,
        )
        for row in tables()["As of"]
    ],
)
def test_she_ages_without_doing_anything_rule_5_7(later: Published, row: Row) -> None:
    day = date.fromisoformat(row["As of"])
    found = later.update(day).rows(day)[ADA]

    figures = {k: v for k, v in row.items() if k not in ("As of", "Why", "Rules")}
    assert figures.items() <= found.items()


# The page by itself ----------------------------------------------------------------


def counted(whose: str | None = None) -> list[Row]:
    """Return the sales and orders that count, all or somebody's."""
    rows = [*tables()["Sale"], *tables()["Order"]]
    return [
        row for row in rows if row["Counts"] == "yes" and whose in (None, row["Whose"])
    ]


def value_of(rows: list[Row]) -> Decimal:
    return sum((Decimal(row["Value"]) for row in rows), Decimal(0))


def orders_in(rows: list[Row]) -> int:
    return sum(row.get("Order") != "no" for row in rows)


def test_the_values_of_the_page_add_up_rule_7_1() -> None:
    for row in tables()["Customer ID"]:
        own = counted(row["Customer ID"])
        assert value_of(own) == Decimal(row["Lifetime Value"])
        assert orders_in(own) == int(row["Order Count"])
    no_one = counted("no one")
    people = [row for row in counted() if row not in no_one]
    tills = [row for row in counted() if "Sale" in row]
    web = [row for row in counted() if "Sale" not in row]
    sums = [(Decimal(row["Value"]), int(row["Orders"])) for row in tables()["Sum"]]
    assert sums == [
        (value_of(rows), orders_in(rows)) for rows in (people, no_one, tills, web)
    ]
    assert sums[0][0] + sums[1][0] == sums[2][0] + sums[3][0]


def test_what_the_page_names_as_the_reason_is_the_reason_rules_5_2_and_4_6() -> None:
    how = {row["Column"]: row["How"] for row in tables()["Column"]}
    own = counted(ADA)
    recent = [row for row in own if "2026-04-01" < row["Day"] <= D.isoformat()]

    def names(rows: list[Row]) -> set[str]:
        return {row.get("Sale", "") or f"order {row['Order']}" for row in rows}

    def listed(column: str) -> set[str]:
        return set(how[column].split(", "))

    assert listed("Rolling 90-Day Value") == names(recent)
    ordered = [row for row in recent if row.get("Order") != "no"]
    assert listed("Rolling 90-Day Order Count") == names(ordered)
    web = {row["Sale"] for row in own if row.get("Web order")} | {"S21", "order 1002"}
    assert listed("eCom Order Count") == web


def seen_in() -> dict[str, list[str]]:
    return {row["Rule"]: row["Seen in"].split(", ") for row in tables()["Rule"]}


def quoted_by() -> dict[str, set[str]]:
    """Return the rules that the rows of the page quote, by the name of the row."""
    quoted: dict[str, set[str]] = {}
    for rows in tables().values():
        for row in rows:
            if "Rules" in row:
                name = next(iter(row.values()))
                quoted.setdefault(name, set()).update(row["Rules"].split(", "))
    return quoted


def test_each_rule_of_chapters_1_to_6_is_listed_as_seen_or_not() -> None:
    not_seen = [row["Rule not seen"] for row in tables()["Rule not seen"]]
    chapters = [rule for rule in RULES if float(rule) < 7]

    listed = [rule for rule in [*seen_in(), *not_seen] if float(rule) < 7]
    assert sorted(listed) == sorted(chapters)


@pytest.mark.parametrize("rule", seen_in())
def test_a_rule_is_quoted_where_the_page_says(rule: str) -> None:
    for name in seen_in()[rule]:
        assert rule in quoted_by().get(name, set()), f"{name} does not quote it"


def test_no_row_quotes_a_rule_that_is_not_listed() -> None:
    assert {rule for rules in quoted_by().values() for rule in rules} <= set(seen_in())


def test_the_readme_names_the_page() -> None:
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")

    assert "docs/worked-example.md" in readme
