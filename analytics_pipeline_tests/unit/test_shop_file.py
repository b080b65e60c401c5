"""Tests for analytics_pipeline.settings: a shop has what its own file says."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import (
    NAME,
    REQUIRED,
    VARIABLES,
    Settings,
    read_chain,
    read_shop,
)
from analytics_pipeline_tests.chain_of_shops import token_of, write_shop
from analytics_pipeline_tests.examples import up_to

LEAKING = "of-another"
VALID = {
    "LIGHTSPEED_DOMAIN_PREFIX": LEAKING,
    "LIGHTSPEED_TOKEN": LEAKING,
    "LIGHTSPEED_API_VERSION": "2.0",
    "LIGHTSPEED_API_URL": f"https://{LEAKING}.example.com",
    "ANALYTICS_DATA_DIR": LEAKING,
    "ANALYTICS_START_DATE": "2021-03-04",
    "ANALYTICS_TIMEZONE": "Asia/Tokyo",
    "ANALYTICS_ENGINE": "spark",
    "ANALYTICS_STORE": f"s3://{LEAKING}",
    "ALERT_URLS": f"json://{LEAKING}",
    "ECWID_STORE_ID": "1003",
    "ECWID_TOKEN": f"secret_{LEAKING}",
    "ECWID_API_URL": f"https://{LEAKING}.example.com/api/v3",
    "SPARK_REMOTE": f"sc://{LEAKING}",
    "SPARK_MASTER": f"spark://{LEAKING}",
}
"""A value of every variable that none of the shops under test has."""

TOGETHER = {"ECWID_STORE_ID", "ECWID_TOKEN"}
"""One of them without the other is wrong use."""

OPTIONAL = sorted(VALID.keys() - set(REQUIRED) - TOGETHER)
SOME = st.builds(
    lambda some, pair: some | pair,
    st.sets(st.sampled_from(OPTIONAL)),
    st.sampled_from([frozenset(), frozenset(TOGETHER)]),
)


def test_a_value_is_known_here_for_every_variable() -> None:
    assert (
        set(VALID)
        == VARIABLES
        <= {str(field.alias) for field in Settings.model_fields.values()}
    )


@given(outside=st.sets(st.sampled_from(sorted(VALID))), reported=SOME, by_file=SOME)
@settings(
    max_examples=up_to(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_nothing_of_the_environment_a_dot_env_or_another_shop_reaches_a_shop(
    outside: set[str], reported: set[str], by_file: set[str], tmp_path: Path
) -> None:
    """Whatever the world says, a shop is what it is where the world says nothing."""
    shops, dot_env = tmp_path / "shops", tmp_path / ".env"
    dot_env.unlink(missing_ok=True)
    own = {name: VALID[name].replace(LEAKING, "own") for name in by_file}
    write_shop(shops, "north", **own)
    write_shop(shops, "south")
    alone = read_shop(shops / "north.env", tmp_path / "data")

    write_shop(shops, "south", **{name: VALID[name] for name in reported})
    dot_env.write_text("".join(f"{name}={VALID[name]}\n" for name in reported))
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in outside:
            monkeypatch.setenv(name, VALID[name])
            monkeypatch.setenv(name.lower(), VALID[name])
        chain = read_chain(shops, tmp_path / "data")

    assert chain.settings_of("north") == alone
    assert LEAKING not in str(alone.as_environment())
    assert alone.as_environment()["LIGHTSPEED_TOKEN"] == token_of("north")


def test_a_variable_in_a_value_is_not_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTSPEED_TOKEN", LEAKING)
    path = write_shop(tmp_path, "north", LIGHTSPEED_TOKEN="${LIGHTSPEED_TOKEN}")

    environment = read_shop(path, tmp_path).as_environment()

    assert environment["LIGHTSPEED_TOKEN"] == "${LIGHTSPEED_TOKEN}"


def test_a_shop_keeps_its_data_in_a_folder_of_its_name(tmp_path: Path) -> None:
    path = write_shop(tmp_path, "north")

    shop = read_shop(path, tmp_path / "data")

    assert shop.data_dir == tmp_path / "data/north"
    assert shop.warehouse_url == str(tmp_path / "data/north/warehouse")
    assert shop.records_dir == tmp_path / "data/.dagster"
    assert (shop.shop_name, Settings().shop_name) == ("north", None)


def test_quotes_comments_and_a_mark_of_windows_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "north.env"
    path.write_text(
        "\ufeffLIGHTSPEED_DOMAIN_PREFIX='north'  # ours\n\n"
        'export LIGHTSPEED_TOKEN="a b"\r\nALERT_URLS=\n',
        encoding="utf-8",
    )

    shop = read_shop(path, tmp_path)

    assert shop.domain_prefix == "north"
    assert shop.as_environment()["LIGHTSPEED_TOKEN"] == "a b"
    assert shop.alert_urls is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("LIGHTSPEED_DOMAIN_PREFIX=x\n", "LIGHTSPEED_TOKEN", id="no token"),
        pytest.param(
            "LIGHTSPEED_DOMAIN_PREFIX=x\nLIGHTSPEED_TOKEN=\n", "LIGHTSPEED_TOKEN",
            id="an empty token",
        ),
        pytest.param("LIGHTSPEED_TOKEN=x\n", "LIGHTSPEED_DOMAIN_PREFIX", id="no store"),
        pytest.param(
            "LIGHTSPEED_DOMAIN_PREFIX=x\nLIGHTSPEED_TOKEN=s3cr3t\nALERT_URL=y\n",
            "ALERT_URL is no variable", id="a misspelt variable",
        ),
        pytest.param(
            "LIGHTSPEED_DOMAIN_PREFIX=x\nLIGHTSPEED_TOKEN=s3cr3t\n"
            "LIGHTSPEED_TOKEN=other\n", "more than once", id="a variable twice",
        ),
        pytest.param(
            "LIGHTSPEED_DOMAIN_PREFIX=x\nLIGHTSPEED_TOKEN='s3cr3t\n", "line 2",
            id="a quote left open",
        ),
        pytest.param(
            "LIGHTSPEED_DOMAIN_PREFIX=x\nLIGHTSPEED_TOKEN=s3cr3t\n"
            "ANALYTICS_TIMEZONE=Mars\n", "ANALYTICS_TIMEZONE", id="no time zone",
        ),
        pytest.param(b"\xff\xfe\x00", "cannot be read", id="no text"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_the_reason_but_no_secret(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    path = tmp_path / "north.env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(WrongUse) as refused:
        read_shop(path, tmp_path)

    assert words in refused.value.cause
    assert "north.env" in refused.value.cause
    assert str(path) in refused.value.remedy
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("name", ["North", "1st", "north-east", "", "a.b", "née", "_x"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    path = write_shop(tmp_path, name)

    assert not NAME.fullmatch(name)
    with pytest.raises(WrongUse, match="is no name for a shop"):
        read_shop(path, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="there are no such rights")
def test_a_file_that_others_can_read_is_reported_but_used(tmp_path: Path) -> None:
    path = write_shop(tmp_path, "north")
    assert read_shop(path, tmp_path).exposure is None

    for mode in (0o640, 0o604):
        path.chmod(mode)
        reported = read_shop(path, tmp_path).exposure
        assert reported is not None
        assert f"chmod 600 {path}" in reported
        assert token_of("north") not in reported
