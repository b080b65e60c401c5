"""The workflow of GitHub Actions: what it says, and what its steps do when run."""

import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.shop import DUE_AT
from analytics_pipeline_tests.light_run import TABLES, run_light
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    TOKEN,
    SimulatedShop,
    open_simulated_shop,
)
from analytics_pipeline_tests.system.deploy.linters import complaints
from analytics_pipeline_tests.system.deploy.runner import (
    NEEDED,
    ROOT,
    WORKFLOW,
    Ran,
    Runner,
    decrypted,
    open_runner,
    read_job,
    read_workflow,
    write_program,
)

DAY = FIRST_DAY + timedelta(days=1)
PASSPHRASE = "six words that no one would guess"
SECRETS = {"ANALYTICS_STATE_PASSPHRASE": PASSPHRASE, "LIGHTSPEED_TOKEN": TOKEN}
RESTORE = "Bring back what the last run kept"
KEEP = "Keep it for the next run, and for you"
RECORD = """#!/bin/sh
printf '%s\\n' "$@" > "{reported}"
echo published > "$ANALYTICS_DATA_DIR/customer_analytics_master.csv"
exit {code}
"""

needs_its_tools = pytest.mark.skipif(
    any(shutil.which(name) is None for name in NEEDED),
    reason=f"The workflow was NOT run: it needs {', '.join(NEEDED)}.",
)


@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_it_is_a_workflow_that_ends(schema: str) -> None:
    assert complaints("check-jsonschema", "--builtin-schema", schema, WORKFLOW) == ""


@pytest.mark.parametrize(
    "step",
    [step for step in read_job()["steps"] if "run" in step],
    ids=lambda s: s["name"],
)
def test_each_block_is_sound_and_takes_nothing_that_was_typed_as_words(
    step: dict[str, Any], tmp_path: Path
) -> None:
    block = tmp_path / "block"
    block.write_text(step["run"], encoding="utf-8")

    assert "${{" not in step["run"]
    assert complaints("shellcheck", "--shell=bash", "--severity=style", block) == ""


def test_it_may_only_read_and_never_runs_twice_at_once() -> None:
    workflow = read_workflow()
    job = read_job()

    assert workflow["permissions"] == {"contents": "read", "actions": "read"}
    assert workflow["concurrency"] == {
        "group": "daily-update",
        "cancel-in-progress": False,
    }
    assert "permissions" not in job
    assert job["if"] == "vars.LIGHTSPEED_DOMAIN_PREFIX != ''"
    assert "env" not in workflow.keys() | job.keys()  # secrets go to their steps only


def test_actions_are_githubs_own_at_a_version() -> None:
    used = [step["uses"] for step in read_job()["steps"] if "uses" in step]

    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", each) for each in used)


def test_the_hour_of_the_default_store_is_night() -> None:
    (entry,) = read_workflow()[True]["schedule"]  # YAML takes "on" for true
    minute, hour = map(int, entry["cron"].split()[:2])

    # New York is four or five hours behind.
    for behind in (4, 5):
        assert 2 <= hour - behind < DUE_AT.hour
    assert minute != 0


def test_the_documentation_names_whatever_is_to_be_set() -> None:
    asked = set(re.findall(r"(?:vars|secrets)\.(\w+)", WORKFLOW.read_text("utf-8")))
    documented = (ROOT / "docs/running.md").read_text(encoding="utf-8")

    assert len(asked) > 10
    assert {name for name in asked if f"`{name}`" not in documented} == set()


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A repository whose variables name a store."""
    variables = {"LIGHTSPEED_DOMAIN_PREFIX": "demo"}
    with open_runner(tmp_path / "github", variables, SECRETS) as opened:
        yield opened


def variables_of(shop: SimulatedShop) -> dict[str, str]:
    given = shop.settings.as_environment()
    for name in ("LIGHTSPEED_TOKEN", "ANALYTICS_DATA_DIR", "ANALYTICS_ENGINE"):
        del given[name]
    return given


def encrypted(data: Path, runner: Runner) -> Path:
    """Encrypt a data directory by the step that does it."""
    (step,) = (step for step in read_job()["steps"] if step.get("id") == "keep")
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(runner.home),
            "RUNNER_TEMP": str(data.parent),
            "ANALYTICS_DATA_DIR": str(data),
            "ANALYTICS_STATE_PASSPHRASE": PASSPHRASE,
        },
        check=True,
    )
    return data.parent / "analytics-data.tar.gz.gpg"


def record(runner: Runner, code: int = 0) -> Path:
    """Put a program in the pipeline's place that notes how it was called."""
    reported = runner.folder / "calls"
    write_program(
        runner.programs / "analytics-pipeline",
        RECORD.format(reported=reported, code=code),
    )
    return reported


def personal_values(shop: SimulatedShop) -> set[str]:
    """Whatever names one person in the published files, and more than a word."""
    return {
        value
        for row in shop.rows("customer_analytics_master.csv")
        for name in ("Customer Code", "Name", "Email", "Phone")
        for value in row[name].split(";")
        if len(value) > 6
    }


def assert_says_nothing_secret(ran: Ran, shop: SimulatedShop, *secrets: str) -> None:
    personal = personal_values(shop)
    hidden = {*personal, *SECRETS.values(), *secrets}
    said = ran.log + ran.summary

    assert len(personal) > 20
    assert [value for value in hidden if value in said] == []


@pytest.mark.nightly
@needs_its_tools
def test_a_run_goes_on_from_what_the_last_one_kept_and_says_nothing_secret(
    small_shop: SimulatedShop, runner: Runner, tmp_path: Path
) -> None:
    runner.variables = variables_of(small_shop)
    runner.hub.keep(encrypted(small_shop.data, runner))
    export = small_shop.data / "ecom_orders_export.csv"
    carried_along = export.read_bytes()
    small_shop.live_until(DAY)
    export.write_bytes(carried_along)

    ran = runner.run(as_of=DAY.isoformat())

    assert ran.failed == [], ran.log
    assert "Brought back artifact 1." in ran.log
    assert f"    As of {DAY}\n" in ran.summary
    newest = runner.hub.newest(tmp_path / "mine")
    kept = decrypted(newest, PASSPHRASE, runner.home, tmp_path / "open")
    left_out = {".lock", "storage"}
    assert names_in(kept) == {
        name for name in names_in(ran.data) if not left_out & set(name.parts)
    }
    run_light(small_shop.settings, DAY, tables=TABLES)
    after = moved(small_shop, kept)
    assert after.reproducible(DAY) == small_shop.reproducible(DAY)
    assert_says_nothing_secret(ran, after)


def moved(shop: SimulatedShop, data: Path) -> SimulatedShop:
    """The same shop, whose data directory is elsewhere."""
    settings = shop.settings.model_copy(update={"data_dir": data})
    return SimulatedShop(shop.store, shop.simulator, settings)


def names_in(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


@needs_its_tools
def test_a_run_that_fails_fails_the_job_and_keeps_what_there_is(
    runner: Runner, tmp_path: Path
) -> None:
    record(runner, code=1)

    ran = runner.run(begin="true")

    assert ran.failed == ["Update"]
    assert ran.outcomes[KEEP] == "success"
    kept = decrypted(
        runner.hub.newest(tmp_path / "mine"), PASSPHRASE, runner.home, tmp_path / "open"
    )
    assert names_in(kept) == {Path("customer_analytics_master.csv")}


@needs_its_tools
def test_what_was_typed_is_handed_on_word_by_word(runner: Runner) -> None:
    reported = record(runner)
    reason = 'they "left"; $(touch /tmp/oops) `id`'

    runner.run(
        begin="true", as_of="2026-01-31", days="30", full="true",
        accept="no_person_vanished", reason=reason,
    )  # fmt: skip

    assert reported.read_text(encoding="utf-8").splitlines() == [
        "update", "--as-of=2026-01-31", "--days=30", "--full",
        "--accept=no_person_vanished", f"--reason={reason}",
    ]  # fmt: skip


@pytest.mark.nightly
@needs_its_tools
def test_by_the_schedule_nothing_is_asked_for_and_no_beginning_hides_a_state(
    runner: Runner,
) -> None:
    reported = record(runner)
    runner.run(begin="true")

    assert runner.run().failed == []
    assert reported.read_text(encoding="utf-8") == "update\n"
    assert "Brought back artifact 2." in runner.run(begin="true").log


@needs_its_tools
def test_a_lost_state_is_not_started_over_in_silence(runner: Runner) -> None:
    reported = record(runner)
    other = runner.folder / "analytics-data.tar.gz.gpg"
    other.write_bytes(b"")
    runner.hub.keep(other, expired=True)
    runner.hub.keep(other, branch="a-trial")

    ran = runner.run()

    assert ran.failed == [RESTORE]
    assert "'begin' ticked" in ran.log
    assert not reported.exists()
    assert len(runner.hub.artifacts) == 2


@needs_its_tools
@pytest.mark.parametrize("harm", ["passphrase", "byte"])
def test_a_state_that_cannot_be_opened_stops_the_run(
    runner: Runner, harm: str, tmp_path: Path
) -> None:
    reported = record(runner)
    runner.run(begin="true")
    reported.unlink()
    if harm == "passphrase":
        runner.secrets = SECRETS | {"ANALYTICS_STATE_PASSPHRASE": "another one"}
    else:
        kept = runner.hub.newest(tmp_path)
        content = bytearray(kept.read_bytes())
        content[-20] ^= 1
        kept.write_bytes(content)
        runner.hub.keep(kept)
    before = len(runner.hub.artifacts)

    ran = runner.run()

    assert ran.failed == [RESTORE]
    assert not reported.exists()
    assert len(runner.hub.artifacts) == before


@needs_its_tools
def test_a_passphrase_that_is_not_set_is_named(runner: Runner) -> None:
    runner.secrets = {}

    ran = runner.run(begin="true")

    assert ran.failed == [RESTORE]
    assert "ANALYTICS_STATE_PASSPHRASE is not set" in ran.log


@needs_its_tools
def test_a_public_repository_is_refused(runner: Runner) -> None:
    reported = record(runner)
    runner.hub.is_private = False
    runner.hub.write()

    ran = runner.run(begin="true")

    assert ran.failed == ["Refuse a public repository"]
    assert not reported.exists()
    assert runner.hub.artifacts == []


@needs_its_tools
def test_the_web_shops_export_is_fetched_and_taken_in(
    runner: Runner, tmp_path: Path
) -> None:
    reported = record(runner)
    export = tmp_path / "export.csv"
    export.write_text("Order ID\n1001\n", encoding="utf-8")
    runner.secrets = SECRETS | {"ECOM_EXPORT_URL": export.as_uri()}
    write_program(
        runner.programs / "analytics-pipeline",
        f'#!/bin/sh\necho "$@" >> "{reported}"\n',
    )

    ran = runner.run(begin="true")

    assert ran.failed == [], ran.log
    fetched = ran.temp / "orders.csv"
    assert fetched.read_bytes() == export.read_bytes()
    assert reported.read_text("utf-8") == f"import-ecom {fetched}\nupdate\n"


@needs_its_tools
def test_an_export_that_is_not_there_fails_the_job_after_the_update(
    runner: Runner,
) -> None:
    reported = record(runner)
    address = (runner.folder / "private-word-in-the-address").as_uri()
    runner.secrets = SECRETS | {"ECOM_EXPORT_URL": address}

    ran = runner.run(begin="true")

    assert ran.failed == ["Update"]
    assert reported.read_text(encoding="utf-8") == "update\n"
    assert ran.outcomes[KEEP] == "success"


@needs_its_tools
def test_what_is_not_set_is_not_handed_on_as_an_empty_value(runner: Runner) -> None:
    """The AWS library would look for a region without a name."""
    reported = runner.folder / "calls"
    write_program(
        runner.programs / "analytics-pipeline",
        f'#!/bin/sh\nenv | grep ^AWS_ > "{reported}" || true\n',
    )
    runner.variables = {"LIGHTSPEED_DOMAIN_PREFIX": "demo", "AWS_DEFAULT_REGION": "x"}

    assert runner.run(begin="true").failed == []
    assert reported.read_text(encoding="utf-8") == "AWS_DEFAULT_REGION=x\n"
    asked = (runner.folder / "python").read_text(encoding="utf-8")
    assert asked == "-m pip install --quiet -c requirements.lock .[s3]\n"


@contextmanager
def tables_on_disk() -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    yield {}, {}


@contextmanager
def tables_in_a_bucket() -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """What a shop sets to have its tables in a bucket, here a simulated one."""
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        variables = {
            "ANALYTICS_STORE": "s3://of-the-shop/tables",
            "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        keys = {
            "AWS_ACCESS_KEY_ID": "key-of-test",
            "AWS_SECRET_ACCESS_KEY": "secret-key",
        }
        boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL_S3"],
            region_name="us-east-1",
            aws_access_key_id="a-key-id",
            aws_secret_access_key="secret-key",
        ).create_bucket(Bucket="of-the-shop")
        yield variables, keys
    finally:
        server.stop()


@needs_its_tools
@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("where", [tables_on_disk, tables_in_a_bucket])
def test_two_runs_end_as_one_directory_that_stayed_in_place(
    where: Callable[[], AbstractContextManager[tuple[dict[str, str], dict[str, str]]]],
    tmp_path: Path,
) -> None:
    """The second run is on another machine, which has what the first one kept."""
    with (
        open_simulated_shop(tmp_path / "data", seed=1, customers=60) as shop,
        where() as (variables, keys),
        open_runner(
            tmp_path / "github", variables_of(shop) | variables, SECRETS
        ) as runner,
    ):
        export = shop.data / "ecom_orders_export.csv"
        runner.secrets = SECRETS | keys | {"ECOM_EXPORT_URL": export.as_uri()}
        first = runner.run(begin="true", as_of=FIRST_DAY.isoformat())
        assert first.failed == [], first.log
        stayed = moved(shop, shutil.copytree(first.data, tmp_path / "stayed"))
        run_light(stayed.settings, FIRST_DAY, tables=TABLES)
        shop.live_until(DAY)
        shutil.copy(export, stayed.data)

        second = runner.run(as_of=DAY.isoformat())
        assert second.failed == [], second.log
        run_light(stayed.settings, DAY, tables=TABLES)

    carried = moved(shop, second.data)
    for name in PUBLISHED:
        assert (carried.data / name).read_bytes() == (stayed.data / name).read_bytes()
    if where is tables_on_disk:
        assert carried.reproducible(DAY) == stayed.reproducible(DAY)
    else:
        assert not (carried.data / "warehouse").exists()
    assert sales_read(first) > 10 * sales_read(second) > 0
    for ran in (first, second):
        assert_says_nothing_secret(ran, carried, *keys.values())


def sales_read(ran: Ran) -> int:
    found = re.search(r"^ read +([\d,]+) sales", ran.log, flags=re.MULTILINE)
    assert found is not None, ran.log
    return int(found[1].replace(",", ""))
