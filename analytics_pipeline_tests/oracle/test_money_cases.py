"""Money, case by case: from what a till sends to what a customer has come to.

Each case is read in both shapes and reckoned on both money bases (rules 1.3 and 1.4).
"""

from dataclasses import dataclass, replace
from datetime import date

import ibis
import pytest

from analytics_pipeline.assets.purchases import ADDED_ORDER
from analytics_pipeline.domain.analytics import list_purchases, measure_people
from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.model.policy import MoneyBasis, Policy
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.model.schemas.table import arrow_schema
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline_tests.tables import make_table, rows_to_ibis
from analytics_pipeline_tests.till_payloads import SHAPES, STATES, Item, TillSale

D = date(2026, 1, 31)
TEXT = "string"
RECORD = {"record_id": TEXT, "person_id": TEXT}
LINK = {"sale_id": TEXT, "person_id": TEXT}
NAMES = (
    "lifetime_value_cents",
    "order_count",
    "average_order_value_cents",
    "refunded_value_cents",
)


@dataclass(frozen=True)
class Figures:
    """What a case comes to: cents with tax and without, and the orders."""

    value: int
    net: int
    orders: int = 1
    refunded: int = 0
    net_refunded: int = 0

    def on(self, basis):
        with_tax = basis is MoneyBasis.INCL_TAX
        value = self.value if with_tax else self.net
        average = value // self.orders if self.orders else None
        refunded = self.refunded if with_tax else self.net_refunded
        return value, self.orders, average, refunded


NOTHING = Figures(0, 0, orders=0)
VASE = Item("40.00", "3.55")
BACK = Item("-40.00", "-3.55", "-1", comes_back=True)
BOWL = Item("25.00", "2.22")
DEAR = Item("60.00", "5.33")
OFF = Item("-4.00", "-0.36", "-1")
BOUGHT = TillSale([VASE], sale_id="sale-0", customer_id="somebody else")


def returned(*items, **changes):
    """A sale that is made against an earlier one, which is somebody else's."""
    return TillSale(items, return_for="sale-0", **changes)


CASES = {
    "a sale": ([TillSale([VASE])], Figures(4_355, 4_000)),
    "a return is no order and takes its money back": (
        [returned(BACK)], Figures(-4_355, -4_000, 0, 4_355, 4_000),
    ),
    "a sale and its return leave an order of nothing": (
        [TillSale([VASE]), returned(BACK, sale_id="sale-2")],
        Figures(0, 0, 1, 4_355, 4_000),
    ),
    "an even exchange is no money and no order": (
        [returned(BACK, VASE)], Figures(0, 0, 0, 4_355, 4_000),
    ),
    "an exchange for less pays the rest out": (
        [returned(BACK, BOWL)], Figures(-1_633, -1_500, 0, 4_355, 4_000),
    ),
    "an exchange with a surcharge is money but no order": (
        [returned(BACK, DEAR)], Figures(2_178, 2_000, 0, 4_355, 4_000),
    ),
    "a return without the earlier sale is one by its line": (
        [TillSale([BACK])], Figures(-4_355, -4_000, 0, 4_355, 4_000),
    ),
    "an old return without any mark only lowers the value": (
        [TillSale([Item("-40.00", "-3.55", "-1")])], Figures(-4_355, -4_000, 0),
    ),
    "a sale with something brought back without a slip is an order": (
        [TillSale([DEAR, BACK])], Figures(2_178, 2_000, 1, 4_355, 4_000),
    ),
    "a discount is a line of its own and nothing given back": (
        [TillSale([VASE, OFF])], Figures(3_919, 3_600),
    ),
    "a discount alone sells nothing": (
        [TillSale([OFF])], Figures(-436, -400, 0),
    ),
    "on a return the discount comes back too and lowers what is refunded": (
        [returned(BACK, Item("4.00", "0.36", "1", comes_back=True))],
        Figures(-3_919, -3_600, 0, 3_919, 3_600),
    ),
    "fully discounted is an order of nothing": (
        [TillSale([VASE, Item("-40.00", "-3.55", "-1")])], Figures(0, 0),
    ),
    "given away is an order of nothing": ([TillSale([Item("0")])], Figures(0, 0)),
    "without lines it is money and no order": (
        [TillSale(total="12.00", net_total="11.00")], Figures(1_200, 1_100, 0),
    ),
    "without lines and money it is nothing": ([TillSale()], NOTHING),
    "a struck-out line sells nothing and gives nothing back": (
        [TillSale(
            [Item("40.00", "3.55", status="VOIDED"),
             Item("-40.00", "-3.55", "-1", True, "VOIDED")],
            total="43.55", net_total="40.00",
        )],
        Figures(4_355, 4_000, 0),
    ),
    "part of a unit is something sold": (
        [TillSale([Item("1.995", "0.18", "0.125")])], Figures(218, 200),
    ),
    "half a cent goes up": (
        [TillSale([VASE], total="43.545", net_total="39.995")], Figures(4_355, 4_000),
    ),
    "half a cent back goes down": (
        [returned(BACK, total="-43.545", net_total="-39.995")],
        Figures(-4_355, -4_000, 0, 4_355, 4_000),
    ),
    "each sale is rounded by itself": (
        [TillSale([Item("0.005")], sale_id=f"sale-{n}") for n in range(3)],
        Figures(3, 3, orders=3),
    ),
    "what is given back is rounded once a sale": (
        [returned(
            *(Item("-0.333", "-0.033", "-1", comes_back=True) for _ in range(3)),
            total="-1.10", net_total="-1.00",
        )],
        Figures(-110, -100, 0, 110, 100),
    ),
    "a layby that is paid off": (
        [TillSale([VASE], "LAYBY_CLOSED", ["20.00", "23.55"])], Figures(4_355, 4_000),
    ),
    "a layby with a deposit": ([TillSale([VASE], "LAYBY", ["20.00"])], NOTHING),
    "a layby paid in full and not yet closed": (
        [TillSale([VASE], "LAYBY", ["43.55"])], NOTHING,
    ),
    "on account and settled": (
        [TillSale([VASE], "ONACCOUNT_CLOSED", ["43.55"])], Figures(4_355, 4_000),
    ),
    "on account and open": ([TillSale([VASE], "ONACCOUNT")], NOTHING),
    "on account, paid and not yet closed": (
        [TillSale([VASE], "ONACCOUNT", ["43.55"])], NOTHING,
    ),
    "deleted": ([TillSale([VASE], deleted_at="2026-01-06T00:00:00+00:00")], NOTHING),
    "a deleted return takes nothing back": (
        [TillSale([VASE]),
         returned(BACK, sale_id="sale-2", deleted_at="2026-01-06T00:00:00+00:00")],
        Figures(4_355, 4_000),
    ),
    "a parked return takes nothing back": (
        [TillSale([VASE]), returned(BACK, sale_id="sale-2", status="SAVED")],
        Figures(4_355, 4_000),
    ),
    "an awaiting return is paid when its money is out": (
        [returned(BACK, status="AWAITING_PICKUP", paid=["-43.55"])],
        Figures(-4_355, -4_000, 0, 4_355, 4_000),
    ),
}  # fmt: skip
PAID = {
    "to the cent": (["43.55"], True),
    "a cent short": (["43.54"], True),
    "two cents short": (["43.53"], False),
    "a fraction less than a cent short": (["43.5399"], False),
    "in two goes": (["20.00", "23.54"], True),
    "with change": (["50.00", "-6.45"], True),
    "too much": (["60.00"], True),
    "not at all": ([], False),
    "without the tax only": (["40.00"], False),
}
CASES |= {
    f"{status.lower()} paid {how}": (
        [TillSale([VASE], status, paid)],
        Figures(4_355, 4_000) if counts else NOTHING,
    )
    for status in ("AWAITING_PICKUP", "AWAITING_DISPATCH")
    for how, (paid, counts) in PAID.items()
}
CASES |= {
    f"free and {status.lower()}": (
        [TillSale([Item("0")], status)],
        Figures(0, 0) if "AWAITING" in status or "CLOSED" in status else NOTHING,
    )
    for status in STATES
}


NAMES_OF_CASES = list(CASES)


def as_sent(shape):
    """Every sale of every case in one shape, each case under its own customer."""
    sent = [shape(BOUGHT)]
    for number, (sales, _figures) in enumerate(CASES.values()):
        for sale in sales:
            own = f"{number}/{sale.sale_id}"
            sent.append(shape(replace(sale, sale_id=own, customer_id=str(number))))
    return sent


def measure(payloads, basis):
    """Read, classify and measure; return the figures of each case by its number."""
    rows, rejections = sales_rows(payloads, segment=0, page=1)
    assert rejections == []
    raw_sales = classify_sales(
        rows, make_table(Outlets, []), "America/New_York", Policy()
    )
    schema = ibis.Schema.from_pyarrow(arrow_schema(RawSales))
    numbers = [str(number) for number in range(len(CASES))]
    policy = Policy(money_basis=basis)
    purchases = list_purchases(
        ibis.memtable(raw_sales, schema=schema),
        rows_to_ibis([{"record_id": n, "person_id": n} for n in numbers], RECORD),
        rows_to_ibis([], LINK),
        rows_to_ibis([], {"sale_id": TEXT}),
        rows_to_ibis([], ADDED_ORDER),
        [],
        policy,
        D,
    )
    people = [{"person_id": n, "is_customer": True} for n in numbers]
    table = rows_to_ibis(people, {"person_id": TEXT, "is_customer": "boolean"})
    engine = ibis.duckdb.connect(threads=1)
    found = engine.to_pandas(measure_people(purchases, table, policy, D))
    cells = found[list(NAMES)].astype("Int64").astype(object)
    cells = cells.where(cells.notna(), None)
    return dict(
        zip(
            found["customer_id"].astype("int64"),
            cells.itertuples(index=False, name=None),
            strict=True,
        )
    )


@pytest.fixture(scope="module")
def figures_of():
    """All cases at once, by shape and basis: to ask the engine is what takes time."""
    return {
        (name, basis): measure(as_sent(shape), basis)
        for name, shape in SHAPES.items()
        for basis in MoneyBasis
    }


@pytest.mark.parametrize("basis", MoneyBasis)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
def test_what_a_till_sends_comes_to_rules_2_1_to_2_5(figures_of, case, shape, basis):
    _sales, figures = CASES[case]

    found = figures_of[shape, basis][NAMES_OF_CASES.index(case)]

    assert found == figures.on(basis)
