"""The settings of the web shop: both or neither, and what ``doctor`` says of it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from analytics_pipeline.commands.doctor import Grade, check_web_shop
from analytics_pipeline.commands.probes import ask_web_shop
from analytics_pipeline.model.errors import WebShopRefused, WrongUse
from analytics_pipeline.orchestration.tills import Lightspeed
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.simulator.app import WEB_STORE_ID
from analytics_pipeline.simulator.quirks import WebShopQuirks
from analytics_pipeline.sources.protocol import WebShopDetails
from analytics_pipeline_tests.contract.simulator.small_store import TOKEN
from analytics_pipeline_tests.served_web_shop import ServedWebShop, serve_web_shop

SECRET = "secret_web_token"


def settings_of(folder: Path, **ways: Any) -> Settings:
    return load_settings(data_dir=folder, **ways)


def served_settings(folder: Path, served: ServedWebShop) -> Settings:
    return settings_of(
        folder,
        ecwid_store_id=WEB_STORE_ID,
        ecwid_token=SecretStr(TOKEN),
        ecwid_api_url=served.url,
    )


def test_without_settings_there_is_no_web_shop(tmp_path):
    settings = settings_of(tmp_path)

    with Lightspeed(settings).open_web_shop() as web_shop:
        assert web_shop is None
    assert not settings.reads_web_shop


@pytest.mark.parametrize(
    ("ways", "lacking"),
    [
        ({"ecwid_store_id": "1"}, "ECWID_TOKEN"),
        ({"ecwid_token": SecretStr(SECRET)}, "ECWID_STORE_ID"),
    ],
)
def test_one_setting_without_the_other_is_wrong_use(tmp_path, ways, lacking):
    settings = settings_of(tmp_path, **ways)

    with (
        pytest.raises(WrongUse, match=f"^{lacking} is not set") as caught,
        Lightspeed(settings).open_web_shop(),
    ):
        pass
    assert SECRET not in str(caught.value)


def test_the_environment_names_the_web_shop(tmp_path, monkeypatch):
    monkeypatch.setenv("ECWID_STORE_ID", "12345678")
    monkeypatch.setenv("ECWID_TOKEN", SECRET)
    monkeypatch.setenv("ECWID_API_URL", "http://127.0.0.1:1/api/v3")

    settings = settings_of(tmp_path)

    assert settings.reads_web_shop
    assert settings.as_environment()["ECWID_TOKEN"] == SECRET
    assert SECRET not in repr(settings)
    again = load_settings(data_dir=tmp_path)
    assert again.as_environment() == settings.as_environment()


def test_doctor_asks_the_profile_once(tmp_path):
    with serve_web_shop() as served:
        details = ask_web_shop(served_settings(tmp_path, served))
        asked = served.simulator.stats()["kinds"]

    assert asked == {"web/profile": 1}
    assert details is not None
    assert details.time_zone == "America/New_York"


def test_doctor_names_the_plan(tmp_path):
    quirks = WebShopQuirks(has_api=False)
    with serve_web_shop(web_quirks=quirks) as served:
        settings = served_settings(tmp_path, served)
        with pytest.raises(WebShopRefused, match="plan"):
            ask_web_shop(settings)


@pytest.mark.parametrize(
    ("details", "grade", "words"),
    [
        (("America/New_York", "USD", "A-", "/24"), Grade.OK, "A-1001/24"),
        ((None, None, "", ""), Grade.OK, "it answers"),
        (("Europe/Rome", "USD", "", ""), Grade.WARNING, "time zone is Europe/Rome"),
        (("America/New_York", "CAD", "", ""), Grade.FAULT, "sells in CAD"),
    ],
)
def test_the_web_shop_is_held_against_the_tills(details, grade, words):
    found = check_web_shop(WebShopDetails(*details), "America/New_York", "USD", {})

    assert found.grade is grade
    assert words in found.sentence


@pytest.mark.parametrize(
    ("evidence", "grade", "words"),
    [
        ({"source_id": 8, "note": 1}, Grade.OK, "8 of 9 that are sales have"),
        ({"note": 2}, Grade.OK, "0 of 2 that are sales have"),
        ({"note": 2, "export_id": 1}, Grade.WARNING, "none of the 3 orders"),
    ],
)
def test_doctor_says_whether_tills_and_web_shop_number_orders_alike(
    evidence, grade, words
):
    details = WebShopDetails("America/New_York", "USD", "", "")

    found = check_web_shop(details, "America/New_York", "USD", evidence)

    assert (found.grade, words in found.sentence) == (grade, True)
