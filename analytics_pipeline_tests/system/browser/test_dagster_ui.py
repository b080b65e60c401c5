"""The Dagster UI as people use it: by clicking, in a browser, on a real shop."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    SimulatedShop,
)
from analytics_pipeline_tests.system.browser.served_ui import ServedUi, served_ui
from analytics_pipeline_tests.system.shared_deployment.processes import wait_until

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(480)]
GROUPS = ["outside", "sources", "sales", "customers", "exports", "reports"]


@pytest.fixture(scope="module")
def typed(shop: SimulatedShop) -> str:
    """The run of a command, all that Dagster knows when its UI is started."""
    outcome = shop.update(FIRST_DAY)
    assert outcome.failure is None
    return outcome.run_id


@pytest.fixture(scope="module")
def ui(
    shop: SimulatedShop, typed: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedUi]:
    """The UI of that shop."""
    with served_ui(shop.settings, tmp_path_factory.mktemp("ui")) as served:
        yield served


@pytest.fixture(scope="module")
def browser(ui: ServedUi, browser: Any) -> Any:
    """The browser, opened once the shop and its UI are there."""
    return browser


def launch(page: Any, ui: ServedUi, job: str, days: str) -> dict[str, Any]:
    """Launch a job as people do; return the UI's answer."""
    page.goto(ui.job(job))
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Show all partitions").click()
    box = dialog.locator("input[type=text]").first
    box.fill(days)
    box.press("Tab")
    button = dialog.get_by_role("button", name="Launch")
    with page.expect_response(is_launch) as reply:
        button.click()
    answer: dict[str, Any] = reply.value.json()["data"]
    return answer


def is_launch(response: Any) -> bool:
    asked = response.request.post_data or ""
    return "mutation Launch" in asked


def run_id_of(answer: dict[str, Any]) -> str:
    run_id: str = answer["launchPipelineExecution"]["run"]["id"]
    return run_id


def see_end_of_run(page: Any, ui: ServedUi, run_id: str, *, word: str) -> None:
    """See how a run ended."""
    page.goto("about:blank")  # to draw what goes on costs more than the run
    wait_until(lambda: ui.run_of(run_id)["status"] in {"SUCCESS", "FAILURE"})
    page.goto(ui.at(f"/runs/{run_id}"))
    page.get_by_text(word, exact=True).first.wait_for()


def hide_events(page: Any) -> None:
    """Leave of the log of a run what is for people; the browser remembers it."""
    page.get_by_role("button", name="Levels").click()
    page.get_by_text("event", exact=True).last.click()
    page.keyboard.press("Escape")


def test_it_opens_with_the_groups_from_left_to_right_and_no_pop_up(
    page: Any, ui: ServedUi, requests: list[str]
) -> None:
    page.goto(ui.at("/"))
    # By its address: the names of icons are part of the text until they are drawn.
    page.locator('a[href="/asset-groups"]').click()

    nodes = {
        group: page.locator(f'foreignObject [data-tooltip="{group}"]')
        for group in GROUPS
    }
    for node in nodes.values():
        node.wait_for()
    places = {group: node.bounding_box()["x"] for group, node in nodes.items()}
    assert sorted(GROUPS, key=places.__getitem__) == GROUPS
    assert page.get_by_role("dialog").count() == 0
    assert any("/graphql" in url for url in requests)


def test_the_first_page_shows_the_run_of_a_command(page: Any, ui: ServedUi) -> None:
    page.clock.install(time=clock.now())  # the browser is a process without ours
    page.goto(ui.at("/"))

    page.locator('a[href*="/jobs/daily_update"]').first.wait_for()
    assert page.get_by_text("No runs").count() == 0


def test_the_run_of_a_command_is_on_the_page_of_its_job(
    page: Any, ui: ServedUi, typed: str
) -> None:
    assert ui.runs_of_job("daily_update") == [typed]

    page.goto(f"{ui.job('daily_update')}/runs")
    page.get_by_text(typed[:8]).first.wait_for()


def test_no_event_of_a_run_is_larger_than_20_kilobytes(
    shop: SimulatedShop, typed: str
) -> None:
    """Dagster keeps each twice or three times; pictures belong to the report."""
    with open_instance(shop.settings) as instance:
        sizes = [len(dg.serialize_value(each)) for each in instance.all_logs(typed)]

    assert len(sizes) > 100
    assert max(sizes) < 20_000


@pytest.mark.nightly
def test_the_run_of_a_command_can_be_executed_again(ui: ServedUi, typed: str) -> None:
    again = ui.execute_again(typed)

    wait_until(lambda: ui.run_of(again)["status"] in {"SUCCESS", "FAILURE"})
    assert ui.run_of(again)["status"] == "SUCCESS"
    assert set(ui.runs_of_job("daily_update")) == {typed, again}


def test_a_table_says_what_it_is_and_where(page: Any, ui: ServedUi) -> None:
    page.goto(ui.at("/assets/customer_analytics_master"))

    page.get_by_text("When it is red:").wait_for()

    reported = page.inner_text("body")
    assert "customer_analytics_master.csv in the data directory" in reported
    assert "personal_data: yes" in reported
    assert "Lifetime Value in the file – cents: " in reported


def test_refresh_now_by_clicking_publishes_the_day(
    page: Any, ui: ServedUi, shop: SimulatedShop
) -> None:
    day = FIRST_DAY + timedelta(days=1)
    shop.live_until(day)

    run_id = run_id_of(launch(page, ui, "daily_update", day.isoformat()))
    see_end_of_run(page, ui, run_id, word="Success")

    hide_events(page)
    page.get_by_text(f"people read the master of {day} now").wait_for()
    published = shop.local.publication.published()
    assert published is not None
    assert published.as_of == day.isoformat()
    page.goto(ui.at("/assets/customer_analytics_master"))
    page.get_by_text(f"/archive/customer_analytics_{day}.csv").first.wait_for()


def test_redo_by_clicking_makes_a_range_green_in_one_run(
    page: Any, ui: ServedUi
) -> None:
    first, last = FIRST_DAY - timedelta(days=4), FIRST_DAY - timedelta(days=1)

    launched = launch(page, ui, "redo_days", f"[{first}...{last}]")
    backfill = launched["launchPartitionBackfill"]["backfillId"]
    page.goto("about:blank")
    wait_until(lambda: ui.runs_of(backfill) == ["SUCCESS"])
    page.goto(ui.at(f"/runs/b/{backfill}?tab=runs"))
    page.get_by_text("Success", exact=True).first.wait_for()
    for table in ("raw_sales", "customer_analytics_master"):
        page.goto(ui.at(f"/assets/{table}?view=partitions&partition={last}"))
        page.get_by_text("Materialized", exact=True).first.wait_for()


def test_a_failed_check_is_red_and_green_once_fixed(
    page: Any, ui: ServedUi, shop: SimulatedShop
) -> None:
    export = shop.data / "ecom_orders_export.csv"
    good = export.read_bytes()
    check = ui.at("/assets/ecom_orders?view=checks&checkDetail=export_is_readable")

    export.write_bytes(good.replace(b"order_number", b"number", 1))
    page.goto(check)
    see_end_of_run(page, ui, materialize(page), word="Failure")
    hide_events(page)
    page.get_by_text("What was published stays published").first.wait_for()
    page.goto(check)
    page.get_by_text("ecom_orders_export.csv lacks the column").first.wait_for()
    assert page.get_by_text("Failed", exact=True).count() > 0
    assert page.get_by_text("Passed", exact=True).count() == 0

    export.write_bytes(good)
    materialize(page)
    page.get_by_text("Passed", exact=True).first.wait_for()


def materialize(page: Any) -> str:
    """Click Materialize on the page of a table; return the run."""
    with page.expect_response(is_launch) as reply:
        page.get_by_role("button", name="Materialize").first.click()
    return run_id_of(reply.value.json()["data"])
