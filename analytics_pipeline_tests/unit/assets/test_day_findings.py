"""What a day says of sales that are earlier than the first one."""

from datetime import date
from pathlib import Path

import pytest

from analytics_pipeline.assets.raw_sales import check_start
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests.unit.domain.test_order_matching import raw_sales


@pytest.mark.parametrize(
    ("sold", "start", "words"),
    [
        ("2019-12-31", "2020-01-01", "set it to 2019-12-31"),
        ("1970-01-01", "2020-01-01", "set it to 1970-01-01"),
        ("1969-12-31", "2020-01-01", "set it to 1970-01-01"),
        ("1900-01-01", "1970-01-02", "set it to 1970-01-01"),
        ("1969-12-31", "1970-01-01", "see whether the clock of a till is wrong"),
    ],
)
def test_the_start_date_that_is_named_can_be_set_rule_1_2(
    tmp_path: Path, sold: str, start: str, words: str
) -> None:
    settings = load_settings(
        data_dir=tmp_path / "data", start_date=date.fromisoformat(start)
    )

    result = check_start(open_shop(settings), raw_sales({"business_date": sold}))

    assert not result.passed
    assert words in result.sentence
    named = result.sentence.partition("set it to ")[2][:10]
    if named:
        load_settings(data_dir=tmp_path, start_date=date.fromisoformat(named))
