"""Checkpoints of the months that are over: with them or without, the same figures."""

import os
import shutil
from dataclasses import replace
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.assets.closed_months import open_closed_months
from analytics_pipeline.assets.customer_analytics import (
    add_up_sides,
    list_people,
    list_undelivered,
)
from analytics_pipeline.assets.ecom_reconciliation import find_web_refunds
from analytics_pipeline.assets.outlet_analytics import add_up_shop
from analytics_pipeline.assets.purchases import Ledger, open_ledger
from analytics_pipeline.commands.probes import prove_stored_files
from analytics_pipeline.domain.analytics import measure_people, measure_sums
from analytics_pipeline.domain.channels import add_up_places
from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.model.policy import MoneyBasis
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.settings import Engine, load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage import checkpoints as stored
from analytics_pipeline.storage.checkpoints import last_month_end, list_month_ends
from analytics_pipeline.storage.files import replace_bytes
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

FIRST = date(2025, 11, 20)
LAST = date(2026, 9, 30)
DAYS = (LAST - FIRST).days
AS_OF = (date(2026, 4, 30), date(2026, 9, 15), LAST)

WALK_IN = "walk-in"
CUSTOMERS = make_table(
    Customers,
    [
        *({"customer_id": name} for name in ("ann", "ann-2", "bea")),
        {"customer_id": WALK_IN, "is_walk_in": True},
    ],
    created_at="2025-01-01",
)
IDENTITIES = make_table(
    CustomerIdentities,
    [
        {"record_id": "ann", "person_id": "ann", "is_live": True},
        {"record_id": "ann-2", "person_id": "ann", "is_live": True},
        {"record_id": "bea", "person_id": "bea", "is_live": True},
        {"record_id": "deleted", "person_id": None, "is_live": False},
        *(
            {
                "record_id": record,
                "person_id": person,
                "record_kind": "ecom",
                "is_live": True,
            }
            for record, person in (("ecom-1", "ann"), ("ecom-2", "ecom-2"))
        ),
    ],
    record_kind="customer",
)
ALIKE = {"version": 1, "time_zone": "UTC", "sale_date": "2026-01-01"}
BUYERS = ("ann", "ann-2", "bea", "deleted", "no-record", WALK_IN, None)


@st.composite
def sales(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """A sale of any kind, which may return an earlier or a later one."""
    way = draw(st.sampled_from(["till", "till", "source", "note"]))
    order = str(draw(st.integers(1, 4)))
    returned = draw(st.none() | st.integers(0, 12))
    cents = draw(st.integers(-9_000, 9_000))
    completed = draw(st.sampled_from([True, True, True, False]))
    return {
        "sale_id": f"sale-{number}",
        "business_date": FIRST + timedelta(days=draw(st.integers(0, DAYS))),
        "customer_id": draw(st.sampled_from(BUYERS)),
        "outlet_id": draw(st.sampled_from(["main", "mall"])),
        "source": "ecw:0123456789ABCDEF" if way == "source" else "USER",
        "source_id": order if way == "source" else None,
        "web_order_number": order if way == "note" else None,
        "return_for": None if returned is None else f"sale-{returned}",
        "state": "closed",
        "is_completed": completed,
        "is_order": completed and draw(st.booleans()),
        "total_incl_cents": cents,
        "total_excl_cents": cents - cents // 7,
        "refunded_incl_cents": draw(st.integers(0, 500)),
        "refunded_excl_cents": draw(st.integers(0, 500)),
    }


@st.composite
def orders(draw: st.DrawFn) -> pd.DataFrame:
    """The web shop's orders: some name a sale, some one that does not exist."""
    numbers = draw(st.lists(st.integers(1, 5), unique=True))
    rows = []
    for number in numbers:
        named = draw(st.none() | st.integers(0, 14))
        total = draw(st.integers(0, 9_000))
        refunded = draw(st.just(0) | st.integers(0, total))
        given_back = FIRST + timedelta(days=draw(st.integers(0, DAYS)))
        rows.append(
            {
                "order_number": str(number),
                "order_date": FIRST + timedelta(days=draw(st.integers(0, DAYS))),
                "sale_id": None if named is None else f"sale-{named}",
                "ecom_customer_id": draw(st.sampled_from(["ecom-1", "ecom-2", None])),
                "payment_status": draw(
                    st.sampled_from(["PAID", "REFUNDED", "AWAITING_PAYMENT"])
                ),
                "fulfillment_status": "SHIPPED",
                "total_cents": total,
                "tax_cents": total // 11,
                "refunded_cents": refunded,
                "refund_date": draw(st.sampled_from([None, given_back])),
            }
        )
    return make_table(EcomOrders, rows)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, dict[str, Any]]]:
    """The sales as they are on each of some nights: some come late, some change."""
    first = draw(st.integers(0, 12).flatmap(_some_sales))
    nights = [first]
    for _ in range(draw(st.integers(0, 2))):
        changes = draw(st.lists(st.integers(0, 12), max_size=3, unique=True))
        changed = {f"sale-{n}": draw(sales(n)) for n in changes}
        nights.append(nights[-1] | changed)
    return nights


def _some_sales(count: int) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    return st.tuples(*(sales(n) for n in range(count))).map(
        lambda some: {sale["sale_id"]: sale for sale in some}
    )


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a shop that has not sold anything yet."""
    folder = tmp_path_factory.mktemp("empty")
    store(open_in(folder), {})
    return folder


@cache
def engine() -> Any:
    """One engine for all: to open one takes longer than to ask it."""
    return connect(Engine.DUCKDB)


def open_in(folder: Path) -> Shop:
    shop = open_shop(load_settings(data_dir=folder, start_date=FIRST))
    shop.engine = engine()
    return shop


def store(shop: Shop, night: dict[str, dict[str, Any]]) -> None:
    """Store the days as they are now; those that stay keep their file."""
    by_day: dict[str, list[dict[str, Any]]] = {}
    for sale in night.values():
        by_day.setdefault(sale["business_date"].isoformat(), []).append(sale)
    empty = make_table(RawSales, [])
    for day in shop.days_until(LAST):
        rows = by_day.get(day, [])
        table = make_table(RawSales, rows, **ALIKE) if rows else empty
        shop.warehouse.write("raw_sales", RawSales, table, day)


def copy_of(empty: Path, folder: Path) -> Path:
    """Another directory with the same files, without writing them again."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(empty, folder, copy_function=os.link)
    return folder


def ledger_of(shop: Shop, day: date, ecom_orders: pd.DataFrame, **with_months: Any):
    return open_ledger(
        shop, IDENTITIES, CUSTOMERS, ecom_orders, day, day, **with_months
    )


def with_months(shop: Shop, day: date, ecom_orders: pd.DataFrame) -> Ledger:
    months = partial(open_closed_months, shop, day)
    return ledger_of(shop, day, ecom_orders, months=months)


def figures_of(ledger: Ledger, sums: Any) -> pd.DataFrame:
    shop = ledger.shop
    table = measure_sums(sums, list_people(IDENTITIES), shop.policy, ledger.day)
    return sort(shop.engine.to_pandas(table))


def sort(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(frame.columns.tolist(), ignore_index=True)


def everything(ledger: Ledger) -> list[Any]:
    """All that is made from the ledger of a day."""
    frame = figures_of(ledger, ledger.person_sums)
    return [
        frame.to_dict("records"),
        add_up_sides(ledger, frame),
        sort(list_undelivered(ledger.shop, ledger)).to_dict("records"),
        ledger.matches.to_dict("records"),
        sort(ledger.sale_people).to_dict("records"),
        sort(find_web_refunds(ledger, ledger.ecom_orders)).to_dict("records"),
        sort(days_of(ledger)).to_dict("records"),
    ]


def days_of(ledger: Ledger) -> pd.DataFrame:
    """What the purchases of each day come to."""
    return add_up_rows(ledger.shop.engine.to_pandas(ledger.purchase_days))


def add_up_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Add the rows of one person, outlet, day and channel up."""
    keys, sums = DAYS_OF[:4], DAYS_OF[4:]
    return found.groupby(keys, dropna=False)[sums].sum().reset_index()


def add_up_one_by_one(ledger: Ledger) -> pd.DataFrame:
    """The same, from single purchases."""
    found = ledger.shop.engine.to_pandas(ledger.purchases).assign(sales=1)
    return add_up_rows(found)


DAYS_OF = [
    *("person_id", "outlet_id", "day", "is_ecom"),
    *("sales", "orders", "value_cents", "refunded_cents"),
]


def comparable(found: list[Any]) -> str:
    return repr(found).replace("NaT", "None").replace("<NA>", "None")


@settings(max_examples=up_to(24, by_day=2))
@given(data=st.data(), basis=st.sampled_from(MoneyBasis))
def test_checkpoints_change_no_figure(empty, tmp_path_factory, data, basis):
    folder = copy_of(empty, tmp_path_factory.getbasetemp() / "with-checkpoints")
    ecom_orders = data.draw(orders(), label="web orders")
    for night in data.draw(histories(), label="nights"):
        shop = open_in(folder)
        shop.policy = replace(shop.policy, money_basis=basis)
        store(shop, night)
        day = data.draw(st.sampled_from(AS_OF), label="as of")
        ledger = with_months(shop, day, ecom_orders)
        assert ledger.months() is not None
        found = everything(ledger)
        without = everything(ledger_of(shop, day, ecom_orders))
        assert comparable(found) == comparable(without)
        _conserves(found[1])
        _outlets_conserve(ledger)
        _finds_the_orders_of_days(ledger)
        one_by_one = measure_people(
            ledger.purchases, list_people(IDENTITIES), shop.policy, day
        )
        expected = sort(shop.engine.to_pandas(one_by_one)).to_dict("records")
        assert comparable(found[0]) == comparable(expected)
        day_by_day = sort(add_up_one_by_one(ledger)).to_dict("records")
        assert comparable(found[-1]) == comparable(day_by_day)


def _conserves(sides: dict[str, int]) -> None:
    """Both sides are made by ways of their own (rule 7.1)."""
    for unit in ("cents", "orders"):
        people = sides[f"people_{unit}"] + sides[f"unattributed_{unit}"]
        assert people == sides[f"sales_{unit}"] + sides[f"web_orders_{unit}"]


def _outlets_conserve(ledger: Ledger) -> None:
    """Outlets and channels add up to all that was sold (rule 12.2)."""
    places = ledger.shop.engine.to_pandas(add_up_places(ledger.purchase_days))
    found = {name: places[name].sum() for name in ("value_cents", "orders")}
    assert found == add_up_shop(ledger)
    refunded = ledger.shop.engine.to_pandas(ledger.purchases)["refunded_cents"]
    assert places["refunded_value_cents"].sum() == refunded.sum()


def _finds_the_orders_of_days(ledger: Ledger) -> None:
    """The sales of someone's first order day are those among all purchases."""
    ordered, ask = ledger.order_days, ledger.shop.engine.to_pandas
    firsts = ordered.group_by("person_id").aggregate(day=ordered["day"].min())
    found = ask(ledger.orders_on(firsts))
    orders = ledger.purchases.filter(
        ledger.purchases["orders"] > 0, ledger.purchases["sale_id"].notnull()
    )
    expected = ask(orders.semi_join(firsts, ["person_id", "day"]))
    assert sorted(found["sale_id"]) == sorted(expected["sale_id"])
    assert len(found.merge(expected, on=["sale_id", "person_id"])) == len(found)


# ----------------------------------------------------------------------------------
# Which checkpoint is used, and what becomes of one that no longer fits.


D = AS_OF[1]
END = date(2026, 5, 31)
"""The last end of a month that is 90 days before D or longer."""

NO_ORDERS = make_table(EcomOrders, [])


def sale(number: int, day: date, **more: Any) -> dict[str, Any]:
    return {
        "sale_id": f"sale-{number}",
        "business_date": day,
        "customer_id": "bea",
        "is_completed": True,
        "is_order": True,
        "total_incl_cents": 100,
        "total_excl_cents": 90,
        **more,
    }


def night_of(*some: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["sale_id"]: each for each in some}


OLD = night_of(
    sale(0, date(2025, 12, 5)),
    sale(1, date(2026, 2, 3)),
    sale(2, date(2026, 4, 9), return_for="sale-0", customer_id=None),
    sale(3, date(2026, 8, 1), return_for="sale-1", customer_id=None),
)


@pytest.fixture(scope="module")
def sold(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a shop with four sales; its checkpoints are made."""
    shop = open_in(copy_of(empty, tmp_path_factory.mktemp("sold") / "data"))
    store(shop, OLD)
    everything(with_months(shop, D, NO_ORDERS))
    return Path(shop.settings.data_dir)


@pytest.fixture
def shop(sold: Path, tmp_path: Path) -> Shop:
    """The shop with four sales, in a directory of the test's own."""
    return open_in(copy_of(sold, tmp_path / "data"))


def folder_of(shop: Shop) -> Path:
    return Path(shop.settings.data_dir, "warehouse/raw_sales", stored.FOLDER)


def state_of(shop: Shop, end: date = END) -> Path:
    (found,) = (
        path
        for path in folder_of(shop).glob(f"{end}-*.parquet")
        if not path.stem.endswith(("-named", "-special", "-days"))
    )
    return found


def names_in(shop: Shop) -> set[str]:
    return {path.name for path in folder_of(shop).iterdir()}


def lifetime_value(shop: Shop) -> int:
    """What bea spent up to D, with all checkpoints that there are."""
    fresh = open_in(shop.settings.data_dir)
    ledger = with_months(fresh, D, NO_ORDERS)
    frame = figures_of(ledger, ledger.person_sums)
    days = days_of(ledger)
    found = frame.loc[frame["customer_id"] == "bea", "lifetime_value_cents"]
    assert days.loc[days["person_id"] == "bea", "value_cents"].sum() == found.iloc[0]
    return int(found.iloc[0])


def test_a_month_that_ends_in_the_window_is_not_closed(shop):
    for day, end in (
        (date(2026, 8, 29), date(2026, 5, 31)),
        (date(2026, 8, 28), date(2026, 4, 30)),
    ):
        closed = open_closed_months(shop, day)
        assert closed is not None
        assert closed.end == end


def test_before_the_first_month_is_closed_there_is_no_checkpoint(shop):
    assert open_closed_months(shop, FIRST + timedelta(days=95)) is None
    assert open_closed_months(shop, FIRST + timedelta(days=101)) is not None


def test_what_is_closed_is_not_read_again(shop, monkeypatch):
    later = open_in(shop.settings.data_dir)
    ledger = with_months(later, D, NO_ORDERS)
    asked: list[str] = []
    open_sales = later.open_sales
    monkeypatch.setattr(
        later, "open_sales", lambda days: open_sales(asked.append(min(days)) or days)
    )

    figures_of(ledger, ledger.person_sums)

    assert set(asked) == {(END + timedelta(days=1)).isoformat()}


def test_a_late_sale_makes_the_checkpoint_again(shop):
    before = names_in(shop)
    store(shop, OLD | night_of(sale(4, date(2026, 3, 8), total_incl_cents=1_000)))

    assert lifetime_value(shop) == 400 + 1_000
    kept = before & names_in(shop)
    assert [name[:10] for name in kept if "-special" in name] == ["2025-12-31"]
    months = {name[:7] for name in before if "-days" in name}
    again = {name[:7] for name in before - kept if "-days" in name}
    assert again == {"2026-03"}
    assert months == {
        "2025-11",
        "2025-12",
        *(f"2026-0{month}" for month in range(1, 6)),
    }
    assert state_of(shop, date(2025, 12, 31)).name in kept
    assert state_of(shop).name not in before


def test_another_form_makes_every_checkpoint_again(shop, monkeypatch):
    before = names_in(shop)
    monkeypatch.setattr(stored, "FORM", "another")

    assert lifetime_value(shop) == 400
    assert names_in(shop).isdisjoint(before)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def rename_another(path: Path) -> None:
    other = next(each for each in path.parent.glob("2025-12-31-*") if each != path)
    path.unlink()  # other tests have the same file under another name
    shutil.copyfile(other, path)


def remove(path: Path) -> None:
    path.unlink()


BY_DAY = {
    (damage, ""),
    (remove, "-special"),
}


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        pytest.param(
            spoil,
            kind,
            id=f"{spoil.__name__}{kind}",
            marks=() if (spoil, kind) in BY_DAY else pytest.mark.nightly,
        )
        for spoil in (damage, truncate, rename_another, remove)
        for kind in ("", "-named", "-special", "-days")
    ],
)
def test_a_spoiled_checkpoint_is_made_again(shop, spoil, kind):
    if kind in {"-special", "-days"}:
        (path,) = folder_of(shop).glob(f"{END}-*{kind}.parquet")
    else:
        path = state_of(shop).with_stem(state_of(shop).stem + kind)
    sound = path.read_bytes()

    spoil(path)

    assert lifetime_value(shop) == 400
    assert path.read_bytes() == sound


@pytest.mark.nightly
@pytest.mark.parametrize("is_written", [True, False], ids=["after", "before"])
def test_a_crash_at_any_write_loses_nothing(shop, monkeypatch, is_written):
    whole = {path.name: path.read_bytes() for path in folder_of(shop).iterdir()}

    for number in range(len(whole)):
        shutil.rmtree(folder_of(shop))
        with monkeypatch.context() as dying:
            dying.setattr(stored, "replace_bytes", dies_at(number, is_written))
            with pytest.raises(KeyboardInterrupt):
                lifetime_value(shop)

        assert lifetime_value(shop) == 400
        assert names_in(shop) == whole.keys()


def dies_at(number: int, is_written: bool) -> Any:
    """Write files, but end the process at one of them."""
    written: list[Any] = []

    def write(path: Any, content: bytes) -> None:
        if len(written) < number or is_written:
            replace_bytes(path, content)
        if len(written) == number:
            raise KeyboardInterrupt
        written.append(path)

    return write


def test_checkpoints_of_another_shop_are_not_used(shop, empty, tmp_path):
    other = open_in(copy_of(empty, tmp_path / "other"))
    store(other, night_of(sale(7, date(2026, 1, 5), total_incl_cents=77_700)))
    assert lifetime_value(other) == 77_700
    shutil.rmtree(folder_of(shop))

    shutil.copytree(folder_of(other), folder_of(shop))

    assert lifetime_value(shop) == 400


def test_what_a_killed_writer_left_stops_no_run(shop):
    (folder_of(shop) / ".2026-05-31-0123456789abcdef.parquet.partial").write_bytes(b"")
    (folder_of(shop) / "notes.txt").write_bytes(b"")
    state_of(shop).unlink()

    assert lifetime_value(shop) == 400


def test_a_day_that_is_not_sealed_is_read_and_refused(shop):
    day = Path(str(shop.warehouse.path("raw_sales", "2026-02-03")))
    content = day.read_bytes().replace(b"file_sha256", b"file_sha255")
    day.unlink()
    day.write_bytes(content)

    with pytest.raises(LocalFailure, match="is not sealed"):
        lifetime_value(shop)


def test_doctor_finds_a_damaged_checkpoint(shop):
    damage(state_of(shop))

    found = prove_stored_files(shop, lambda *_progress: None)

    assert [each.path for each in found.damaged] == [str(state_of(shop))]


def test_the_last_month_ends_and_the_ends_of_years_are_kept(shop):
    for month in range(2, 7):
        day = date(2026, month + 3, 30)
        with_months(open_in(shop.settings.data_dir), day, NO_ORDERS).months()

    ends = {
        name[:10]
        for name in names_in(shop)
        if "-special" not in name and "-days" not in name
    }
    assert ends == {
        *("2025-12-31", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"),
    }


def test_a_named_sale_is_searched_once(shop, monkeypatch):
    orders = make_table(
        EcomOrders,
        [
            {"order_number": number, "sale_id": sale_id, "order_date": "2026-01-01"}
            for number, sale_id in (("1", "sale-1"), ("2", "sale-no-one-has"))
        ],
    )
    expected = everything(with_months(shop, D, orders))
    later = open_in(shop.settings.data_dir)
    monkeypatch.setattr("analytics_pipeline.assets.closed_months._search", None)

    assert comparable(everything(with_months(later, D, orders))) == comparable(expected)


def test_sales_of_closed_months_are_tied_to_people_and_web_orders(shop):
    long_ago = date(2026, 1, 7)
    store(
        shop,
        night_of(
            sale(0, long_ago, web_order_number="1"),  # of a customer, by its note
            sale(1, long_ago, customer_id=None, web_order_number="2"),
            sale(2, long_ago, customer_id=WALK_IN),  # by the export alone
            sale(3, long_ago, customer_id=None, return_for="sale-0", is_order=False),
            sale(4, long_ago, customer_id="no-record"),
        ),
    )
    order = {"order_date": "2026-01-07", "payment_status": "PAID", "total_cents": 7}
    ecom_orders = make_table(
        EcomOrders,
        [
            {"order_number": "1", "ecom_customer_id": None},
            {"order_number": "2", "ecom_customer_id": "ecom-1"},
            {"order_number": "3", "ecom_customer_id": "ecom-2", "sale_id": "sale-2"},
        ],
        **order,
    )
    ledger = with_months(open_in(shop.settings.data_dir), D, ecom_orders)

    frame = figures_of(ledger, ledger.person_sums).set_index("customer_id")

    figures = ["lifetime_value_cents", "order_count", "ecom_order_count"]
    assert {name: tuple(frame.loc[name, figures]) for name in frame.index} == {
        "ann": (100, 1, 1),
        "bea": (100 + 100, 1, 1),
        "ecom-2": (100, 1, 1),
    }
    assert ledger.unattributed_sums == {"cents": 100, "orders": 1}


def test_a_run_that_makes_everything_again_reads_no_checkpoint(shop):
    shop.uses_checkpoints = False

    assert with_months(shop, D, NO_ORDERS).months() is None


def test_month_ends():
    assert last_month_end(date(2026, 3, 30)) == date(2026, 2, 28)
    assert last_month_end(date(2026, 3, 31)) == date(2026, 3, 31)
    assert list_month_ends(date(2026, 1, 31), date(2026, 3, 30)) == [
        date(2026, 1, 31),
        date(2026, 2, 28),
    ]
    assert list_month_ends(date(2026, 2, 1), date(2026, 2, 27)) == []
