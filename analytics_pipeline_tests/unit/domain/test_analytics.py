"""Tests for analytics_pipeline.domain.analytics."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.assets.purchases import ADDED_ORDER
from analytics_pipeline.domain.analytics import list_purchases, measure_people
from analytics_pipeline.model.policy import MoneyBasis, Policy, TierBasis
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.vocabulary import Tier
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import rows_to_ibis, table_to_ibis

D = date(2026, 6, 20)
WALK_IN = "walk-in"
RECORDS = {"a": "a", "a-again": "a", "b": "b", "removed": None}
PEOPLE = {"a": True, "b": True, "idle": True, "ecom-1": False, "ecom-2": False}
TEXT = "string"


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


def day(days_before_d):
    return D - timedelta(days=days_before_d)


def sale(days_before_d=0, cents=0, **changes):
    """A completed order of the person ``a``, so many days before D."""
    row = {
        "business_date": day(days_before_d),
        "customer_id": "a",
        "is_completed": True,
        "is_order": True,
        "total_incl_cents": cents,
        "total_excl_cents": cents,
    } | changes
    return row | {"sale_date": row["business_date"]}


def web_order(days_before_d, cents, person="ecom-1", refund=None):
    """An order; its refund is how long before D, and how much."""
    ago, refunded = refund or (None, 0)
    return {
        "person_id": person,
        "order_date": day(days_before_d),
        "value_cents": cents,
        "refund_date": None if ago is None else day(ago),
        "refunded_cents": refunded,
    }


def measure(
    engine,
    sales,
    *,
    added=(),
    sale_people=None,
    web_sales=(),
    policy=None,
    as_of=D,
    people=None,
):
    """Return the rows of ``CustomerAnalytics`` by person."""
    policy = policy or Policy()
    numbered = [{"sale_id": f"s{n}", **row} for n, row in enumerate(sales)]
    raw_sales = table_to_ibis(RawSales, numbered, time_zone="UTC", version=1)
    persons = PEOPLE if people is None else people
    purchases = list_purchases(
        raw_sales,
        rows_to_ibis(
            [{"record_id": r, "person_id": p} for r, p in RECORDS.items()],
            {"record_id": TEXT, "person_id": TEXT},
        ),
        rows_to_ibis(
            [{"sale_id": s, "person_id": p} for s, p in (sale_people or {}).items()],
            {"sale_id": TEXT, "person_id": TEXT},
        ),
        rows_to_ibis([{"sale_id": s} for s in web_sales], {"sale_id": TEXT}),
        rows_to_ibis(
            [{"order_number": f"{n}", **order} for n, order in enumerate(added)],
            ADDED_ORDER,
        ),
        [WALK_IN],
        policy,
        as_of,
    )
    people_table = rows_to_ibis(
        [{"person_id": p, "is_customer": own} for p, own in persons.items()],
        {"person_id": TEXT, "is_customer": "boolean"},
    )
    measured = measure_people(purchases, people_table, policy, as_of)
    frame = shape(engine.to_pandas(measured), CustomerAnalytics)
    CustomerAnalytics.validate(frame, lazy=True)
    cells = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {row["customer_id"]: row for row in cells}


def measure_one(engine, *sales, **context):
    return measure(engine, sales, **context)["a"]


# Written again, in plain Python --------------------------------------------------


def owner_of(row, sale_people):
    """Whose a sale is, by rules 3.1 and 4.5."""
    if row["customer_id"] in (None, WALK_IN):
        return sale_people.get(row["sale_id"])
    return RECORDS.get(row["customer_id"])


def counted(sales, added, sale_people, web_sales, policy):
    """Yield everything that counts up to D, one purchase after the other."""
    basis = "excl" if policy.money_basis is MoneyBasis.EXCL_TAX else "incl"
    for row in sales:
        if row["is_completed"] and row["business_date"] <= D:
            yield {
                "person": owner_of(row, sale_people),
                "age": (D - row["business_date"]).days,
                "value": row[f"total_{basis}_cents"],
                "refunded": row[f"refunded_{basis}_cents"],
                "order": row["is_order"],
                "web": (row["source"] or "")[:4] == "ecw:"
                or row["sale_id"] in web_sales,
            }
    for row in added:
        yield {
            "person": row["person_id"],
            "age": (D - row["order_date"]).days,
            "value": row["value_cents"],
            "refunded": 0,
            "order": True,
            "web": True,
        }
        if row["refund_date"] is not None:
            yield {
                "person": row["person_id"],
                "age": (D - row["refund_date"]).days,
                "value": -row["refunded_cents"],
                "refunded": row["refunded_cents"],
                "order": False,
                "web": True,
            }


def half_away(total, count):
    """Divide by counting up, so that no rounding of a library is trusted."""
    whole, rest = divmod(abs(total), count)
    rounded = whole + (1 if rest * 2 >= count else 0)
    return rounded if total >= 0 else -rounded


def graded(value, recent, orders, since, policy):
    """Return VIP, high value, segment and tier, by the words of rules 5.4 to 5.6."""
    ranked = value if policy.tier_basis is TierBasis.LIFETIME else recent
    tier = "Seed" if orders else "None"
    for name, cents in (("Sprout", 25000), ("Bloom", 75000), ("Evergreen", 150000)):
        if ranked >= cents:
            tier = name
    segment = "never"
    if since is not None:
        segment = "active"
        for days in (30, 60, 90):
            if since >= days:
                segment = f"{days}d"
    return {
        "is_vip": value >= 100000,
        "is_high_value": 50000 <= value < 100000,
        "inactive_segment": segment,
        "tier": tier,
    }


def expected_row(person, bought, policy):
    ages = [each["age"] for each in bought if each["order"]]
    value = sum(each["value"] for each in bought)
    recent = [each for each in bought if each["age"] < 90]
    recent_value = sum(each["value"] for each in recent)
    since = min(ages) if ages else None
    web = sum(1 for each in bought if each["order"] and each["web"])
    return {
        "as_of": D,
        "customer_id": person,
        "lifetime_value_cents": value,
        "rolling_90_day_value_cents": recent_value,
        "order_count": len(ages),
        "rolling_90_day_order_count": sum(1 for each in recent if each["order"]),
        "average_order_value_cents": half_away(value, len(ages)) if ages else None,
        "first_order_date": day(max(ages)) if ages else None,
        "last_order_date": day(since) if ages else None,
        "days_since_last_order": since,
        "ecom_order_count": web,
        "retail_order_count": len(ages) - web,
        "refunded_value_cents": sum(each["refunded"] for each in bought),
    } | graded(value, recent_value, len(ages), since, policy)


def expected(sales, added, sale_people, web_sales, policy):
    bought = defaultdict(list)
    for purchase in counted(sales, added, sale_people, web_sales, policy):
        bought[purchase["person"]].append(purchase)
    return {
        person: expected_row(person, bought[person], policy)
        for person, is_customer in PEOPLE.items()
        if is_customer or bought[person]
    }


AGES = st.one_of(st.integers(-2, 200), st.sampled_from([0, 29, 30, 59, 60, 89, 90, 91]))
CENTS = st.one_of(
    st.integers(-120_000, 120_000),
    st.sampled_from([0, 1, -1, 24_999, 25_000, 50_000, 75_000, 100_000, 150_000]),
)


@st.composite
def sales_rows(draw):
    is_completed = draw(st.booleans()) or draw(st.booleans())
    return sale(
        draw(AGES),
        draw(CENTS),
        customer_id=draw(
            st.sampled_from(["a", "a-again", "b", "removed", "unknown", WALK_IN, None])
        ),
        is_completed=is_completed,
        is_order=is_completed and draw(st.booleans()),
        source=draw(st.sampled_from([None, "USER", "ecw:0123", "recw:"])),
        total_excl_cents=draw(CENTS),
        refunded_incl_cents=draw(st.integers(-500, 5_000)),
        refunded_excl_cents=draw(st.integers(-500, 5_000)),
    )


@st.composite
def histories(draw):
    rows = draw(st.lists(sales_rows(), max_size=14))
    sales = [row | {"sale_id": f"s{n}"} for n, row in enumerate(rows)]
    some = st.integers(0, 14).map("s{}".format)
    web = st.sampled_from(["a", "ecom-1", "ecom-2", None])
    ages = AGES.filter(lambda age: age >= 0)
    refunds = st.none() | st.tuples(ages, st.integers(1, 9_000))
    orders = st.builds(web_order, ages, CENTS, web, refunds)
    return {
        "sales": sales,
        "added": draw(st.lists(orders, max_size=4)),
        "sale_people": draw(
            st.dictionaries(some, st.sampled_from(["a", "b", "ecom-1"]), max_size=5)
        ),
        "web_sales": draw(st.lists(some, max_size=4)),
        "policy": Policy(
            money_basis=draw(st.sampled_from(MoneyBasis)),
            tier_basis=draw(st.sampled_from(TierBasis)),
        ),
    }


@given(history=histories())
@settings(max_examples=up_to(12))
def test_every_figure_of_rules_5_1_to_5_6_equals_a_plain_count(engine, history):
    found = measure(engine, **history)

    for row in found.values():
        for name in ("as_of", "first_order_date", "last_order_date"):
            row[name] = row[name].date() if row[name] is not None else None
    assert expected(**history) == found


# One rule at a time --------------------------------------------------------------


@pytest.mark.parametrize(
    ("cents", "is_vip", "is_high_value"),
    [
        pytest.param(49_999, False, False, id="just below high"),
        pytest.param(50_000, False, True, id="exactly high"),
        pytest.param(99_999, False, True, id="just below VIP"),
        pytest.param(100_000, True, False, id="exactly VIP"),
        pytest.param(-100_000, False, False, id="more returned than bought"),
    ],
)
def test_vip_and_high_value_begin_exactly_at_their_thresholds_rule_5_4(
    engine, cents, is_vip, is_high_value
):
    row = measure_one(engine, sale(0, cents))

    assert (is_vip, is_high_value) == (row["is_vip"], row["is_high_value"])


@pytest.mark.parametrize(
    ("cents", "tier"),
    [
        pytest.param(-1, "Seed", id="negative"),
        pytest.param(0, "Seed", id="a free order"),
        pytest.param(24_999, "Seed", id="just below Sprout"),
        pytest.param(25_000, "Sprout", id="exactly Sprout"),
        pytest.param(74_999, "Sprout", id="just below Bloom"),
        pytest.param(75_000, "Bloom", id="exactly Bloom"),
        pytest.param(149_999, "Bloom", id="just below Evergreen"),
        pytest.param(150_000, "Evergreen", id="exactly Evergreen"),
    ],
)
def test_a_tier_is_reached_exactly_at_its_threshold_rule_5_6(engine, cents, tier):
    assert tier == measure_one(engine, sale(0, cents))["tier"]


def test_money_without_an_order_reaches_a_tier_but_not_seed_rule_5_6(engine):
    small = measure_one(engine, sale(0, 100, is_order=False))
    large = measure_one(engine, sale(0, 25_000, is_order=False))

    assert (small["tier"], large["tier"]) == ("None", "Sprout")


def test_the_tier_basis_decides_between_rolling_and_lifetime_value_rule_5_6(engine):
    old = sale(90, 150_000)

    rolling = measure_one(engine, old)
    lifetime = measure_one(engine, old, policy=Policy(tier_basis=TierBasis.LIFETIME))

    assert (rolling["tier"], lifetime["tier"]) == ("Seed", "Evergreen")


def test_configured_thresholds_replace_the_defaults(engine):
    ladder = {Tier.SPROUT: Decimal("0.01"), Tier.BLOOM: Decimal("10.50")}
    policy = Policy(
        vip_from=Decimal("10.50"), high_value_from=Decimal(5), tier_thresholds=ladder
    )

    below = measure_one(engine, sale(0, 1_049), policy=policy)
    reached = measure_one(engine, sale(0, 1_050), policy=policy)

    assert (
        below["tier"], below["is_vip"], below["is_high_value"]
    ) == ("Sprout", False, True)  # fmt: skip
    assert (
        reached["tier"], reached["is_vip"], reached["is_high_value"]
    ) == ("Bloom", True, False)  # fmt: skip


def test_a_threshold_finer_than_a_cent_is_not_reached_by_less(engine):
    policy = Policy(vip_from=Decimal("999.995"))

    assert not measure_one(engine, sale(0, 99_999), policy=policy)["is_vip"]


@pytest.mark.parametrize(
    ("days", "segment"),
    [
        (0, "active"), (29, "active"), (30, "30d"), (59, "30d"),
        (60, "60d"), (89, "60d"), (90, "90d"), (4_000, "90d"),
    ],
)  # fmt: skip
def test_a_segment_begins_exactly_on_its_day_rules_5_3_and_5_5(engine, days, segment):
    row = measure_one(engine, sale(days, 100))

    assert (days, segment) == (row["days_since_last_order"], row["inactive_segment"])


@pytest.mark.parametrize(
    ("days", "is_recent"),
    [(0, True), (89, True), (90, False), (91, False)],
)
def test_the_rolling_window_ends_with_d_and_leaves_d_minus_90_out_rule_5_2(
    engine, days, is_recent
):
    row = measure_one(engine, sale(days, 700))

    assert (row["lifetime_value_cents"], row["order_count"]) == (700, 1)
    recent = row["rolling_90_day_value_cents"], row["rolling_90_day_order_count"]
    assert (700 * is_recent, 1 * is_recent) == recent


def test_a_sale_after_d_is_not_known_yet_rule_1_1(engine):
    row = measure_one(engine, sale(0, 700), sale(-1, 9_000))

    assert (row["lifetime_value_cents"], row["order_count"]) == (700, 1)


def test_without_any_news_segment_and_tier_move_on_the_exact_day_rule_5_7(engine):
    only = [sale(0, 30_000)]
    steps = {}
    for passed in range(89, 91):
        row = measure(engine, only, as_of=D + timedelta(days=passed))["a"]
        steps[passed] = row["tier"], row["inactive_segment"]
    for passed in (29, 30, 59, 60):
        row = measure(engine, only, as_of=D + timedelta(days=passed))["a"]
        steps[passed] = row["tier"], row["inactive_segment"]

    assert steps == {
        29: ("Sprout", "active"),
        30: ("Sprout", "30d"),
        59: ("Sprout", "30d"),
        60: ("Sprout", "60d"),
        89: ("Sprout", "60d"),
        90: ("Seed", "90d"),
    }


@pytest.mark.parametrize(
    ("basis", "value", "refunded"),
    [(MoneyBasis.INCL_TAX, 1_100, 220), (MoneyBasis.EXCL_TAX, 1_000, 200)],
)
def test_the_money_basis_chooses_value_and_refunds_rules_1_4_and_2_5(
    engine, basis, value, refunded
):
    sold = sale(
        0, 1_100, total_excl_cents=1_000, refunded_incl_cents=220,
        refunded_excl_cents=200,
    )  # fmt: skip
    row = measure_one(engine, sold, policy=Policy(money_basis=basis))

    assert value == row["lifetime_value_cents"]
    assert value == row["rolling_90_day_value_cents"]
    assert refunded == row["refunded_value_cents"]


@pytest.mark.parametrize(
    ("cents", "average"),
    [
        ((100, 101), 101), ((-100, -101), -101), ((1, 0), 1), ((-1, 0), -1),
        ((1, 0, 0), 0), ((2, 0, 0), 1), ((-1, 0, 0), 0), ((-2, 0, 0), -1),
        ((10**14, 1), 5 * 10**13 + 1),
    ],
)  # fmt: skip
def test_an_average_is_rounded_half_away_from_zero_rule_5_1(engine, cents, average):
    row = measure_one(engine, *(sale(0, each) for each in cents))

    assert average == row["average_order_value_cents"]


def test_a_return_lowers_the_value_on_its_own_day_and_is_no_order_rule_2_4(engine):
    bought = sale(100, 5_000)
    returned = sale(10, -2_000, is_order=False, refunded_incl_cents=2_000)
    row = measure_one(engine, bought, returned)

    assert (
        row["lifetime_value_cents"], row["rolling_90_day_value_cents"]
    ) == (3_000, -2_000)  # fmt: skip
    assert (row["order_count"], row["rolling_90_day_order_count"]) == (1, 0)
    assert row["average_order_value_cents"] == 3_000
    assert row["inactive_segment"] == "90d"


@pytest.mark.parametrize("customer", [None, WALK_IN])
def test_a_sale_under_nobodys_name_is_its_orders_persons_rule_4_5(engine, customer):
    sold = sale(0, 700, customer_id=customer)

    tied = measure(engine, [sold], sale_people={"s0": "b"})
    untied = measure(engine, [sold])

    assert (tied["b"]["lifetime_value_cents"], tied["b"]["order_count"]) == (700, 1)
    assert {row["lifetime_value_cents"] for row in untied.values()} == {0}


def test_a_sale_under_a_name_stays_there_whatever_order_it_is_tied_to(engine):
    found = measure(engine, [sale(0, 700)], sale_people={"s0": "b"})

    assert found["a"]["lifetime_value_cents"] == 700
    assert found["b"]["lifetime_value_cents"] == 0


def test_who_never_bought_has_zeros_and_no_dates(engine):
    row = measure(engine, [])["idle"]

    assert (
        row["lifetime_value_cents"],
        row["order_count"],
        row["inactive_segment"],
        row["tier"],
    ) == (0, 0, "never", "None")
    for name in ("average_order_value_cents", "first_order_date", "last_order_date"):
        assert row[name] is None


def test_a_web_only_person_exists_from_the_first_counted_purchase_rule_3_7(engine):
    ordered = [web_order(0, 500)]

    assert "ecom-1" not in measure(engine, [])
    assert measure(engine, [], added=ordered)["ecom-1"]["lifetime_value_cents"] == 500


def test_a_refund_lowers_the_value_on_its_own_day_and_is_no_order_rule_4_4(engine):
    ordered = [web_order(95, 500, refund=(3, 200))]

    row = measure(engine, [], added=ordered)["ecom-1"]

    assert row["lifetime_value_cents"] == 300
    assert row["rolling_90_day_value_cents"] == -200
    assert (row["order_count"], row["refunded_value_cents"]) == (1, 200)
    assert row["days_since_last_order"] == 95


@pytest.mark.parametrize(
    ("source", "is_matched", "ecom"),
    [
        pytest.param("ecw:0123", False, 1, id="by source"),
        pytest.param("USER", True, 1, id="by match"),
        pytest.param(None, False, 0, id="no source"),
        pytest.param("recw:", False, 0, id="prefix in the middle"),
    ],
)
def test_an_order_is_ecom_by_its_source_or_its_match_rule_4_6(
    engine, source, is_matched, ecom
):
    web_sales = ["s0", "s0"] if is_matched else []
    row = measure_one(engine, sale(0, 100, source=source), web_sales=web_sales)

    assert (ecom, 1 - ecom) == (row["ecom_order_count"], row["retail_order_count"])
    assert row["lifetime_value_cents"] == 100
