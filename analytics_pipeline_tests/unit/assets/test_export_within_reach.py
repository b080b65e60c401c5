"""Which files a run of the UI may take in as the web shop's export."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analytics_pipeline.assets.ecom_orders import export_within_reach
from analytics_pipeline.model.errors import WrongUse


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """A shop with an inbox, and files around it."""
    data = tmp_path / "data"
    for name in (
        "inbox/new/june.csv",
        "inbox/orders.csv",
        "orders.csv",
        "archive/x.csv",
    ):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("orders")
    (tmp_path / "elsewhere.csv").write_text("orders")
    (data / "inbox/link.csv").symlink_to(tmp_path / "elsewhere.csv")
    (data / "inbox/inside.csv").symlink_to(data / "orders.csv")
    (data / "linked").symlink_to(tmp_path)
    return SimpleNamespace(settings=SimpleNamespace(data_dir=data))


@pytest.mark.parametrize(
    "named",
    [
        "orders.csv",
        "inbox/orders.csv",
        "inbox/new/june.csv",
        "./inbox/../orders.csv",
        "inbox/inside.csv",
        "inbox/not-there.csv",
    ],
)
def test_the_data_directory_and_its_inbox_are_within_reach(
    shop: Any, named: str
) -> None:
    data = shop.settings.data_dir
    found = (data / named).resolve()

    assert export_within_reach(shop, named) == found
    assert export_within_reach(shop, str(data / named)) == found


@pytest.mark.parametrize(
    "named",
    [
        "/etc/passwd",
        "/dev/stdin",
        "../elsewhere.csv",
        "inbox/../../elsewhere.csv",
        "inbox/link.csv",
        "linked/elsewhere.csv",
        "linked/data/archive/x.csv",
        "archive/x.csv",
        "inboxes/orders.csv",
        "~/orders.csv",
        "inbox\0/orders.csv",
        ".",
        "..",
    ],
)
def test_no_other_file_is_within_reach(shop: Any, named: str) -> None:
    with pytest.raises(WrongUse) as caught:
        export_within_reach(shop, named)

    assert "import-ecom FILE" in caught.value.remedy
    assert "inbox" in caught.value.remedy


def test_an_inbox_that_is_a_link_out_of_the_data_directory_is_none(
    shop: Any, tmp_path: Path
) -> None:
    data = shop.settings.data_dir
    (data / "inbox").rename(tmp_path / "shared")
    (data / "inbox").symlink_to(tmp_path / "shared")

    with pytest.raises(WrongUse):
        export_within_reach(shop, "inbox/orders.csv")


def test_a_data_directory_that_is_a_link_is_followed(shop: Any, tmp_path: Path) -> None:
    link = tmp_path / "store"
    link.symlink_to(shop.settings.data_dir)
    shop.settings.data_dir = link

    assert export_within_reach(shop, str(link / "orders.csv")).name == "orders.csv"
