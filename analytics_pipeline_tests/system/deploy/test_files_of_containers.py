"""The Dockerfile and the compose file: sound, closed, and one with the settings."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from analytics_pipeline.settings import Settings
from analytics_pipeline_tests.system.deploy.image import (
    COMPOSE,
    DOCKERFILE,
    ROOT,
    is_sent,
    read_compose,
    read_dockerfile,
    said,
)
from analytics_pipeline_tests.system.deploy.linters import complaints

HEALTHY = ROOT / "deploy/docker/healthy"
SERVICES: dict[str, Any] = read_compose()["services"]
OURS = ("daemon", "webserver")
CODE = ROOT / "deploy/docker/code.yaml"
EXAMPLE = ROOT / "deploy/docker/env.example"
each_service = pytest.mark.parametrize("service", SERVICES)


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    assert complaints("hadolint", DOCKERFILE) == ""


def test_the_compose_file_fits_its_schema() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")

    assert complaints("check-jsonschema", *schema, COMPOSE) == ""


def test_everything_that_is_copied_exists_and_is_sent_to_the_engine() -> None:
    sources = [
        source
        for each in read_dockerfile()
        if each.name == "COPY"
        for source in each.copies[0]
    ]

    assert "analytics_pipeline" in sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert is_sent(source), source


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        "data/customer_analytics_master.csv",
        "deploy/docker/.env",
        "shops/berlin.env",
        "analytics_pipeline/__pycache__/cli.pyc",
        "analytics_pipeline_tests/tables.py",
    ],
)
def test_no_data_and_no_secret_is_sent_to_the_engine(path: str) -> None:
    assert not is_sent(path)


def test_the_image_is_unprivileged_and_keeps_data_in_volumes() -> None:
    assert said("USER") == ["10001:10001"]
    volumes = json.loads(said("VOLUME")[0])
    mounted = {mount.split(":")[1] for mount in SERVICES["daemon"]["volumes"]}
    assert set(volumes) == mounted
    made = " ".join(said("RUN"))
    for place in volumes:
        assert f"--mode=700 --owner=10001 --group=10001 {place}" in made


def test_what_is_installed_is_locked_and_has_what_the_services_need() -> None:
    (install,) = (
        each.words
        for each in read_dockerfile()
        if " install " in each.words and each.stage == 0
    )

    assert "-c requirements.lock" in install
    assert '".[postgres,s3]"' in install


@each_service
def test_a_service_is_closed_comes_back_and_says_how_it_is(service: str) -> None:
    known = SERVICES[service]

    assert known["read_only"] is True
    assert known["cap_drop"] == ["ALL"]
    assert known["security_opt"] == ["no-new-privileges:true"]
    assert known["restart"] == "unless-stopped"
    assert known["init"] is True
    assert known["healthcheck"]["test"][0] == "CMD"
    assert known.get("user", said("USER")[0]).split(":")[0] not in ("root", "0")


def test_the_code_can_have_a_service_of_its_own() -> None:
    laid_over: dict[str, Any] = yaml.safe_load(CODE.read_text("utf-8"))["services"]
    code, daemon = laid_over["code"], SERVICES["daemon"]
    reached = {"ANALYTICS_CODE_HOST": "code", "ANALYTICS_CODE_PORT": "4000"}

    schema = ("--builtin-schema", "vendor.compose-spec")
    assert complaints("check-jsonschema", *schema, CODE) == ""
    assert code["command"] == ["analytics-start", "code"]
    assert code["healthcheck"]["test"] == ["CMD", "analytics-healthy", "code"]
    assert code["environment"] == daemon["environment"] | reached
    for name in OURS:
        assert laid_over[name] == {
            "environment": reached,
            "depends_on": {"code": {"condition": "service_healthy"}},
        }
    its_own = {"command", "healthcheck", "environment"}
    assert code.keys() - its_own == daemon.keys() - its_own
    for name in code.keys() - its_own:
        assert code[name] == daemon[name], name


def test_only_the_webserver_can_be_reached_and_from_this_machine_only() -> None:
    published = {
        name: known["ports"] for name, known in SERVICES.items() if "ports" in known
    }

    assert published == {"webserver": ["127.0.0.1:3000:3000"]}
    assert read_compose()["networks"]["records"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["records"]


def test_services_wait_for_what_they_need() -> None:
    healthy = {"condition": "service_healthy"}

    assert SERVICES["daemon"]["depends_on"] == {"postgres": healthy}
    assert SERVICES["webserver"]["depends_on"] == {
        "postgres": healthy,
        "daemon": healthy,
    }


@pytest.mark.parametrize("service", OURS)
def test_a_service_of_ours_has_what_the_records_ask_for(service: str) -> None:
    settings = yaml.safe_load(
        (ROOT / "deploy/postgres/dagster.yaml").read_text("utf-8")
    )
    asked = {
        value["env"]
        for value in settings["storage"]["postgres"]["postgres_db"].values()
        if isinstance(value, dict) and "env" in value
    }
    environment = SERVICES[service]["environment"]

    assert asked - environment.keys() == {"DAGSTER_PG_PASSWORD"}
    assert environment["DAGSTER_PG_HOST"] in SERVICES
    database = SERVICES["postgres"]["environment"]
    assert environment["DAGSTER_PG_DB"] == database["POSTGRES_DB"]
    assert environment["DAGSTER_PG_USERNAME"] == database["POSTGRES_USER"]
    assert database["POSTGRES_PASSWORD"].startswith("${DAGSTER_PG_PASSWORD:?")


def test_the_example_names_variables_that_there_are_and_no_secret() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
    known = {str(each.alias) for each in Settings.model_fields.values()}

    assert given.keys() <= known | {"DAGSTER_PG_PASSWORD"}
    for secret in ("LIGHTSPEED_TOKEN", "ALERT_URLS", "DAGSTER_PG_PASSWORD"):
        assert given[secret] == ""
    asked = re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8"))
    assert set(asked) <= given.keys()


def test_the_program_that_asks_how_it_is_is_the_one_that_the_image_has() -> None:
    copied = {
        each.copies[1]: each.copies[0]
        for each in read_dockerfile()
        if each.name == "COPY"
    }

    assert copied["/usr/local/bin/analytics-healthy"] == ["deploy/docker/healthy"]
    assert copied["/usr/local/bin/analytics-start"] == ["deploy/postgres/start"]
    for service in OURS:
        words = SERVICES[service]["healthcheck"]["test"]
        assert words == ["CMD", "analytics-healthy", service]
        assert SERVICES[service]["command"] == ["analytics-start", service]
    assert json.loads(said("CMD")[0]) == SERVICES["webserver"]["command"]
    assert said("HEALTHCHECK")[0].endswith('CMD ["analytics-healthy", "webserver"]')


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that answers in that way where it is asked how it is."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/server_info" else 404)
            self.end_headers()

        def log_message(self, *_given: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def health(*words: str) -> int:
    python = str(Path(sys.executable).parent)
    return subprocess.run(
        [HEALTHY, *words],
        env={"PATH": f"{python}:/usr/bin:/bin"},
        capture_output=True,
        check=False,
    ).returncode


def test_a_webserver_is_well_if_it_answers_so() -> None:
    with answering(200) as port:
        assert health("webserver", str(port)) == 0
    with answering(500) as other:
        assert health("webserver", str(other)) != 0
    assert health("webserver", str(port)) != 0
    assert health("something") == 2


@pytest.mark.nightly
def test_the_code_is_asked_by_dagsters_own_protocol() -> None:
    with answering(200) as port:
        assert health("code", str(port)) != 0
