"""Tests for analytics_pipeline.settings."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.policy import LADDER, MoneyBasis, Policy, TierBasis
from analytics_pipeline.model.vocabulary import Tier
from analytics_pipeline.settings import (
    Engine,
    load_anomaly_limits,
    load_export_dialect,
    load_policy,
    load_settings,
)
from analytics_pipeline.shop import open_shop
from analytics_pipeline.sources.web_shop.export_file import E_SERIES

DOCUMENTED = {
    "domain_prefix": None,
    "token": None,
    "api_version": "2026-07",
    "api_url": None,
    "start_date": date(2020, 1, 1),
    "time_zone": "America/New_York",
    "engine": Engine.DUCKDB,
    "store": None,
}


def test_without_any_environment_the_documented_defaults_hold(tmp_path):
    settings = load_settings()

    assert {name: getattr(settings, name) for name in DOCUMENTED} == DOCUMENTED
    assert settings.data_dir == tmp_path / "data"
    assert settings.warehouse_url == str(tmp_path / "data" / "warehouse")
    assert settings.policy_file == tmp_path / "data" / "analytics.toml"


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("LIGHTSPEED_DOMAIN_PREFIX", "shop", "domain_prefix", "shop"),
        ("LIGHTSPEED_TOKEN", "secret", "token", SecretStr("secret")),
        ("LIGHTSPEED_API_VERSION", "2.0", "api_version", "2.0"),
        ("LIGHTSPEED_API_URL", "http://127.0.0.1:1", "api_url", "http://127.0.0.1:1"),
        ("ANALYTICS_DATA_DIR", "/tmp/x", "data_dir", Path("/tmp/x")),
        ("ANALYTICS_START_DATE", "2024-02-29", "start_date", date(2024, 2, 29)),
        ("ANALYTICS_START_DATE", "1997-01-01", "start_date", date(1997, 1, 1)),
        ("ANALYTICS_START_DATE", "1970-01-01", "start_date", date(1970, 1, 1)),
        ("ANALYTICS_TIMEZONE", "Europe/Paris", "time_zone", "Europe/Paris"),
        ("ANALYTICS_ENGINE", "spark", "engine", Engine.SPARK),
        ("ANALYTICS_STORE", "s3://bucket/x", "store", "s3://bucket/x"),
    ],
)
def test_every_variable_is_read_from_the_environment(
    monkeypatch, variable, text, name, value
):
    monkeypatch.setenv(variable, text)

    assert getattr(load_settings(), name) == value


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("ANALYTICS_TIMEZONE", "")

    assert load_settings().time_zone == "America/New_York"


def test_a_variable_goes_before_the_env_file_and_an_argument_before_both(
    tmp_path, monkeypatch
):
    (tmp_path / ".env").write_text(
        "ANALYTICS_TIMEZONE=Europe/Paris\nANALYTICS_ENGINE=spark\nOTHER=1\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("ANALYTICS_TIMEZONE", "Europe/Rome")

    assert load_settings().engine is Engine.SPARK
    assert load_settings().time_zone == "Europe/Rome"
    assert load_settings(time_zone="UTC").time_zone == "UTC"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LIGHTSPEED_API_VERSION", "latest"),
        ("ANALYTICS_START_DATE", "2020-02-30"),
        ("ANALYTICS_START_DATE", "1969-12-31"),
        ("ANALYTICS_TIMEZONE", "Mars/Olympus"),
        ("ANALYTICS_TIMEZONE", "../etc/passwd"),
        ("ANALYTICS_ENGINE", "pandas"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_but_not_shown(
    monkeypatch, variable, text
):
    monkeypatch.setenv(variable, text)

    with pytest.raises(WrongUse) as failure:
        load_settings()

    assert variable in failure.value.cause
    assert text not in str(failure.value)
    assert failure.value.exit_code == 2


def test_the_token_is_never_shown(monkeypatch):
    monkeypatch.setenv("LIGHTSPEED_TOKEN", "very-secret")

    assert "very-secret" not in repr(load_settings()) + str(load_settings())


def test_a_child_process_gets_the_same_settings(monkeypatch):
    ours = load_settings(
        domain_prefix="shop", token=SecretStr("secret"), api_version="2.0",
        api_url="http://127.0.0.1:1", start_date=date(2024, 2, 29),
        time_zone="Europe/Paris", engine=Engine.SPARK, store="s3://x/y",
    )  # fmt: skip
    for name, value in ours.as_environment().items():
        monkeypatch.setenv(name, value)

    assert load_settings() == ours


def test_the_data_directory_no_longer_depends_on_where_the_process_is(
    tmp_path, monkeypatch
):
    settings = load_settings(data_dir=Path("mine"))
    monkeypatch.chdir("/")

    assert settings.data_dir == tmp_path / "mine"


# analytics.toml ------------------------------------------------------------------


@pytest.fixture
def policy(tmp_path):
    def load(text):
        path = tmp_path / "analytics.toml"
        path.write_text(text, encoding="utf-8")
        return load_policy(path)

    return load


def test_without_the_file_the_thresholds_of_the_rules_hold(tmp_path):
    assert load_policy(tmp_path / "analytics.toml") == Policy()
    assert dict(LADDER) == {"Sprout": 250, "Bloom": 750, "Evergreen": 1500}
    assert (Policy().vip_from, Policy().high_value_from) == (1000, 500)
    assert (Policy().max_shared, Policy().archive_keep_days) == (5, 90)
    assert Policy().suspicious_size == 6


def test_an_empty_file_changes_nothing(policy):
    assert policy("") == Policy()


def test_every_choice_can_be_made_in_the_file(policy):
    chosen = policy(
        """
        money_basis = "excl_tax"
        tier_basis = "lifetime"
        vip_from = 1000.10
        high_value_from = "499.95"
        max_shared = 3
        suspicious_size = 4
        placeholder_contains = ["no-name"]
        placeholder_prefixes = []
        placeholder_phones = ["5550100"]
        phone_region = "DE"
        walk_in_customer_id = "w"
        walk_in_customer_code = "CASH"
        max_quarantined = 0
        archive_keep_days = 30
        csv_bom = true
        paid_tolerance = 0.05
        lapse_return_share = 0.2
        lapse_horizon_days = 90
        [tier_thresholds]
        Sprout = 1
        Bloom = 2
        Evergreen = 3.5
        """
    )

    assert chosen == Policy(
        money_basis=MoneyBasis.EXCL_TAX,
        tier_basis=TierBasis.LIFETIME,
        tier_thresholds={
            Tier.SPROUT: Decimal(1),
            Tier.BLOOM: Decimal(2),
            Tier.EVERGREEN: Decimal("3.5"),
        },
        vip_from=Decimal("1000.1"),
        high_value_from=Decimal("499.95"),
        max_shared=3,
        suspicious_size=4,
        placeholder_contains=("no-name",),
        placeholder_prefixes=(),
        placeholder_phones=("5550100",),
        phone_region="DE",
        walk_in_customer_id="w",
        walk_in_customer_code="CASH",
        max_quarantined=0,
        archive_keep_days=30,
        csv_bom=True,
        paid_tolerance=Decimal("0.05"),
        lapse_return_share=0.2,
        lapse_horizon_days=90,
    )


def test_one_threshold_of_a_tier_leaves_the_others_as_they_were(policy):
    chosen = policy("[tier_thresholds]\nBloom = 800\n")

    assert chosen.tier_thresholds == {**LADDER, Tier.BLOOM: Decimal(800)}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("vip_form = 1", "vip_form", id="misspelt key"),
        pytest.param('vip_from = "a lot"', "vip_from", id="no number"),
        pytest.param("vip_from = nan", "vip_from", id="not a number"),
        pytest.param("vip_from = inf", "vip_from", id="infinite"),
        pytest.param('money_basis = "gross"', "money_basis", id="unknown word"),
        pytest.param("[tier_thresholds]\nGold = 1", "tier_thresholds", id="no tier"),
        pytest.param("max_shared = 2.5", "max_shared", id="half a record"),
        pytest.param("archive_keep_days = -1", "archive_keep_days", id="negative days"),
        pytest.param("suspicious_size = -1", "suspicious_size", id="negative size"),
        pytest.param("max_quarantined = -1", "max_quarantined", id="negative limit"),
        pytest.param("[tier_thresholds]\nNone = 0", "tier_thresholds", id="tier None"),
        pytest.param('phone_region = "Germany"', "phone_region", id="no region"),
        pytest.param('csv_bom = "Excel"', "csv_bom", id="neither true nor false"),
        pytest.param("paid_tolerance = 1", "paid_tolerance", id="a whole unit"),
        pytest.param("paid_tolerance = -0.01", "paid_tolerance", id="less than due"),
        pytest.param("paid_tolerance = 0.005", "paid_tolerance", id="half a cent"),
        pytest.param("paid_tolerance = nan", "paid_tolerance", id="no tolerance"),
        pytest.param('paid_tolerance = "5c"', "paid_tolerance", id="five cents"),
        pytest.param("lapse_return_share = 0", "lapse_return_share", id="no one back"),
        pytest.param("lapse_return_share = 10", "lapse_return_share", id="ten, not %"),
        pytest.param("lapse_return_share = nan", "lapse_return_share", id="no share"),
        pytest.param("lapse_horizon_days = 0", "lapse_horizon_days", id="no days"),
        pytest.param('phone_region = "ZZ"', "phone_region", id="no country"),
        pytest.param('phone_region = "UK"', "here write GB", id="not as ISO has it"),
        pytest.param('phone_region = "us"', "here write US", id="small letters"),
        pytest.param(
            'placeholder_phones = [""]', "placeholder_phones", id="any number"
        ),
        pytest.param('placeholder_phones = ["1"]', "placeholder_phones", id="a digit"),
        pytest.param(
            'placeholder_phones = ["555-0100"]', "placeholder_phones", id="signs"
        ),
        pytest.param(
            'placeholder_phones = ["١٢٣٤٥٦٧"]', "placeholder_phones", id="other digits"
        ),
    ],
)
def test_a_faulty_choice_is_refused_and_its_key_named(policy, text, key):
    with pytest.raises(WrongUse) as failure:
        policy(text)

    assert key in failure.value.cause
    assert "analytics.toml" in failure.value.remedy


LOADERS = pytest.mark.parametrize(
    "load", [load_policy, load_export_dialect, load_anomaly_limits]
)


@LOADERS
@pytest.mark.parametrize("content", [b"vip_from = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path, content, load):
    path = tmp_path / "analytics.toml"
    path.write_bytes(content)

    with pytest.raises(WrongUse, match=r"analytics\.toml cannot be read"):
        load(path)


# How the web shop's export is written --------------------------------------------


@pytest.fixture
def dialect(tmp_path):
    def load(text):
        path = tmp_path / "analytics.toml"
        path.write_text(text, encoding="utf-8")
        return load_export_dialect(path)

    return load


def test_without_a_word_the_export_is_as_e_series_writes_it(tmp_path, dialect):
    assert load_export_dialect(tmp_path / "analytics.toml") == E_SERIES
    assert dialect("vip_from = 900") == dialect("[ecom_export]") == E_SERIES
    assert (E_SERIES.decimal, E_SERIES.delimiter) == (".", ";")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('decimal = ","', (",", ";")),
        ('delimiter = ","', (".", ",")),
        ('decimal = ","\ndelimiter = "\\t"', (",", "\t")),
        ('decimal = "."\ndelimiter = ";"', (".", ";")),
    ],
)
def test_the_export_can_be_declared_otherwise(dialect, text, expected):
    chosen = dialect(f"vip_from = 900\n[ecom_export]\n{text}\n")

    assert (chosen.decimal, chosen.delimiter) == expected


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param('[ecom_export]\ndecimal = ";"', "ecom_export.decimal", id="mark"),
        pytest.param("[ecom_export]\ndecimal = 1", "ecom_export.decimal", id="number"),
        pytest.param(
            '[ecom_export]\ndelimiter = "|"', "ecom_export.delimiter", id="delimiter"
        ),
        pytest.param('[ecom_export]\ndecimals = ","', "ecom_export.decimals", id="key"),
        pytest.param('ecom_export = ","', "ecom_export", id="no table"),
    ],
)
def test_a_faulty_declaration_is_refused_at_the_start_and_its_key_named(
    tmp_path, dialect, text, key
):
    with pytest.raises(WrongUse) as failure:
        dialect(text)

    assert f"{key}: " in failure.value.cause
    with pytest.raises(WrongUse, match=key):
        open_shop(load_settings(data_dir=tmp_path))


def test_how_the_export_is_written_changes_no_policy(policy):
    text = 'vip_from = 900\n[ecom_export]\ndecimal = ","\n'

    assert policy(text) == policy("vip_from = 900") == Policy(vip_from=Decimal(900))
