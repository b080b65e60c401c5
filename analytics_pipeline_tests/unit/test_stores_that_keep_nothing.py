"""A store that keeps nothing, or cannot be written, is refused at the start."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import load_settings
from analytics_pipeline_tests.chain_of_shops import write_shop

UNFIT = [
    ("memory://shop", "only until the process ends"),
    ("MEMORY://", "only until the process ends"),
    (" memory://x", "only until the process ends"),
    ("simplecache::s3://bucket/x", "is a copy"),
    ("filecache::memory://x", "is a copy"),
    ("dir::memory://x", "says nothing"),
    ("data://,hello", "not written"),
    ("https://example.com/tables", "not written"),
    ("http://127.0.0.1/tables", "not written"),
    ("github://owner:repo@/x", "not written"),
    ("zip://tables::/tmp/x.zip", "archive"),
    ("tar://x", "archive"),
    ("s3::gs://bucket", "chain of places"),
]


@pytest.mark.parametrize(("url", "words"), UNFIT, ids=[url for url, _ in UNFIT])
def test_a_store_that_keeps_nothing_is_refused(url: str, words: str) -> None:
    with pytest.raises(WrongUse) as refused:
        load_settings(store=url)

    assert words in refused.value.cause
    assert "ANALYTICS_STORE" in refused.value.cause
    assert "s3://bucket/prefix" in refused.value.remedy


@pytest.mark.parametrize(
    "url",
    ["s3://bucket/x", "gs://bucket", "abfs://c@a/x", "/srv/tables", "tables", "memory"],
)
def test_a_store_that_keeps_tables_is_not(url: str) -> None:
    assert load_settings(store=url).store


@pytest.mark.parametrize("words", [("update",), ("status",), ("doctor",), ("replay",)])
def test_a_command_says_so_and_writes_nothing(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ANALYTICS_STORE", "memory://shop")

    result = CliRunner().invoke(app, words)

    assert result.exit_code == 2, result.output
    assert "only until the process ends" in result.output
    assert not (tmp_path / "data").exists()


def test_of_a_chain_the_shop_with_such_a_store_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_SHOPS", str(tmp_path / "shops"))
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path / "data"))
    write_shop(tmp_path / "shops", "north", ANALYTICS_STORE="memory://shop")

    result = CliRunner().invoke(app, ["--shop", "north", "status"])

    assert result.exit_code == 2, result.output
    assert "only until the process ends" in result.output
