"""Tests for analytics_pipeline.domain.anomalies.days."""

from datetime import date

import pandas as pd

from analytics_pipeline.domain.anomalies.days import DayProfile, profile_days
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline_tests.tables import make_table

ORDER = {"is_completed": True, "is_order": True}
SALES = [
    ORDER | {"total_incl_cents": 1000, "total_excl_cents": 900, "outlet_id": "o"},
    ORDER | {"total_incl_cents": 3000, "total_excl_cents": 3000, "outlet_id": "o"},
    ORDER | {"total_incl_cents": 2000, "total_excl_cents": 1900, "outlet_id": "p"},
    ORDER | {"total_incl_cents": 9000, "total_excl_cents": 9000, "source": "ecw:1"},
    ORDER | {"total_incl_cents": 0, "total_excl_cents": 0, "outlet_id": "p"},
    {"is_completed": True, "total_incl_cents": -500, "total_excl_cents": -450},
    {"total_incl_cents": 77, "total_excl_cents": 70, "outlet_id": "o"},
]


def rows(*sales, day="2026-06-23"):
    return make_table(
        RawSales,
        [{"sale_id": f"{n}"} | sale for n, sale in enumerate(sales)],
        business_date=day,
        sale_date=f"{day} 16:30",
        time_zone="Asia/Kolkata",
    )


def test_a_day_has_a_profile():
    assert profile_days(rows(*SALES)) == {
        date(2026, 6, 23): DayProfile(
            orders=5,
            outlet_orders={"o": 2, "p": 2},
            priced_orders=4,
            median_cents=2000,
            worthless_orders=1,
            valued_sales=5,
            taxed_sales=3,
            hour_sales={22: 5},
        )
    }


def test_days_are_distinguished():

    both = pd.concat([rows(*SALES), rows(SALES[-1], day="2026-06-24")])

    assert profile_days(both)[date(2026, 6, 24)] == DayProfile()
    assert profile_days(both)[date(2026, 6, 23)].orders == 5


def test_without_sales_there_are_no_days():
    assert profile_days(rows()) == {}
