"""Tests for analytics_pipeline.model.policy, read from analytics.toml."""

from datetime import date

import pytest

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.policy import AnomalyLimits, Policy
from analytics_pipeline.settings import load_anomaly_limits, load_policy, load_settings
from analytics_pipeline.shop import open_shop


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "analytics.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_a_word_the_defaults_hold(write, tmp_path):
    assert load_anomaly_limits(tmp_path / "analytics.toml") == AnomalyLimits()
    assert load_anomaly_limits(write("vip_from = 900")) == AnomalyLimits()


def test_a_shop_chooses_its_own_and_no_figure_depends_on_it(write, tmp_path):
    path = write("[usual]\nclosed_days = [2026-12-24]\nprices_stop_factor = 50\n")

    assert load_anomaly_limits(path).closed_days == (date(2026, 12, 24),)
    assert load_anomaly_limits(path).prices_stop_factor == 50
    assert load_policy(path) == Policy()
    assert open_shop(
        load_settings(data_dir=tmp_path)
    ).anomaly_limits == load_anomaly_limits(path)


FAULTY = [
    *(f"{name}_floor = -1" for name in (
        "orders", "prices", "tax", "hours", "repeated", "contacts", "placeholders",
        "tiers",
    )),
    *(f"{name} = {value}" for value in ("-0.1", "1.1", "nan") for name in (
        "max_luck", "orders_low", "worthless_stop", "worthless_usual", "tax_usual",
        "tax_low", "hours_share", "hours_rare", "repeated_share", "contacts_fall",
        "placeholders_share", "tiers_share",
    )),
    "prices_warn_factor = 1", "prices_warn_factor = nan", "prices_stop_factor = 2.9",
    "prices_stop_factor = inf", "learning_weeks = 0", "learning_weeks = 9",
    "learning_days = 0", "learning_days = 29", "learning_runs = 0",
    "learning_runs = 29", "closed_days = [1]", 'closed_days = ["Christmas"]',
    "orders_floor = 2.5", "order_floor = 1",
]  # fmt: skip


@pytest.mark.parametrize("text", FAULTY)
def test_a_faulty_choice_is_refused_at_the_start_and_its_key_named(
    write, tmp_path, text
):
    path = write(f"[usual]\n{text}\n")

    with pytest.raises(WrongUse, match=text.split(" = ")[0]):
        load_anomaly_limits(path)
    with pytest.raises(WrongUse, match="usual"):
        open_shop(load_settings(data_dir=tmp_path))
