"""The demonstration of a chain: every shop is published, then the last one fails."""

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands import demo as demo_chain

MASTER = "customer_analytics_master.csv"


@pytest.mark.nightly
def test_the_demonstration_publishes_every_shop_and_lets_the_last_one_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_chain, "HISTORY", timedelta(days=15))
    monkeypatch.setenv("ALERT_URLS", "json://127.0.0.1:9/no-alerts-from-a-demo")

    result = CliRunner().invoke(app, ["demo", "--shops", "2"])

    assert result.exit_code == 0, result.output
    assert "berlin: Lightspeed does not accept the token" in result.stderr
    assert "no-alerts-from" not in result.output
    folder = tmp_path / "data/demo_chain"
    masters = {path.parent.name for path in folder.glob(f"data/*/{MASTER}")}
    assert masters == {"berlin", "newyork"}
    monkeypatch.setenv("ANALYTICS_SHOPS", str(folder / "shops"))
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(folder / "data"))
    monkeypatch.delenv("ALERT_URLS")
    for name in masters:
        status = CliRunner().invoke(app, ["--shop", name, "status"])
        assert "people" in status.stdout


@pytest.mark.parametrize("shops", ["0", "6"])
def test_there_is_no_chain_of_none_or_of_more_shops_than_are_known(shops: str) -> None:
    assert CliRunner().invoke(app, ["demo", "--shops", shops]).exit_code == 2
    assert len(demo_chain.ZONES) == 5
