"""The code location: its one name, where Dagster finds it, and whose runs are whose.

Switches of schedules, job pages and *Re-execute* all go by the location's name, so it
is the same whether the UI was started by the command, by Dagster, or as services.
"""

import json
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from analytics_pipeline.orchestration.records import COMMAND, LAUNCHED_BY
from analytics_pipeline.settings import Chain, Settings, records_of
from analytics_pipeline.storage.files import make_folder, replace_text

LOCATION = "analytics_pipeline"
"""Of a shop by itself; each shop of a chain has a location of its own name."""

STANDARD_LIBRARY = sysconfig.get_path("stdlib")
"""A folder of modules that are trusted anyway, and on every path."""

LOOPBACK = "127.0.0.1"

_REPOSITORY = "__repository__"
_NO_RETRY = {"dagster/max_retries": "0"}


def name_location(settings: Settings) -> str:
    """Return the name of the code location that holds the shop of *settings*."""
    return settings.shop_name or LOCATION


def _module_of(shop: str | None) -> Mapping[str, str]:
    """Return the module, and of a chain the attribute, that holds the definitions."""
    if shop is None:
        return {"module_name": f"{LOCATION}.definitions"}
    return {"module_name": f"{LOCATION}.locations", "attribute": shop}


def write_workspace(
    data_dir: Path,
    chain: Chain | None,
    code_port: int | None = None,
    code_host: str = LOOPBACK,
) -> Path:
    """Write which code locations there are, beside Dagster's records; return the file.

    A shop by itself has one, which a process on *code_port* of *code_host* may hold; a
    chain has one a shop. The folder is never ``DAGSTER_HOME``, which may be the
    repository with a file of that name.
    """
    if code_port is None:
        locations = [_load(shop) for shop in (chain.names if chain else [None])]
    else:
        server: dict[str, str | int] = {
            "host": code_host,
            "port": code_port,
            "location_name": LOCATION,
        }
        locations = [{"grpc_server": server}]
    folder = records_of(data_dir.resolve())
    make_folder(folder)
    path = folder / "workspace.yaml"
    # JSON is YAML, and every name is quoted.
    replace_text(path, json.dumps({"load_from": locations}, indent=1) + "\n")
    return path


def _load(shop: str | None) -> dict[str, Mapping[str, str | int]]:
    """Return the location that a process of Dagster loads itself."""
    return {
        "python_module": {
            **_module_of(shop),
            "location_name": shop or LOCATION,
            # Otherwise Dagster takes modules from the current folder.
            "working_directory": STANDARD_LIBRARY,
        }
    }


# ----------------------------------------------------------------------------------
# Runs of commands, recorded like those that the UI launches.


def record_like_launched(
    instance: dg.DagsterInstance, settings: Settings, job: str
) -> None:
    """Let the runs of *job* that *instance* records from now on look like the UI's.

    A run in process has no origin; with one it is on its job's page and in the
    timeline, and can be re-executed.
    """
    create: Any = instance.create_run_for_job
    origin = origin_of_job(settings, job)

    def create_with_origin(*args: Any, **options: Any) -> dg.DagsterRun:
        run: dg.DagsterRun = create(*args, **{**options, "remote_job_origin": origin})
        return run

    instance.create_run_for_job = create_with_origin  # type: ignore[method-assign]


def tags_of_command() -> dict[str, str]:
    """Return the tags of a run that a command makes.

    Dagster's daemon does not retry it: anyone who typed the command sees how it ended.
    """
    return {LAUNCHED_BY: COMMAND, **_NO_RETRY}


def origin_of_job(settings: Settings, job: str) -> Any:
    """Return where the UI finds *job*, read from the form in which Dagster keeps it.

    The classes are private; the form is not, for each Dagster reads earlier records.
    """
    module = dict.fromkeys(
        (
            *("attribute", "executable_path", "module_name", "package_name"),
            *("python_file", "working_directory"),
        )
    )
    kept = {
        "__class__": "ExternalPipelineOrigin",
        "pipeline_name": job,
        "external_repository_origin": {
            "__class__": "ExternalRepositoryOrigin",
            "repository_name": _REPOSITORY,
            "repository_location_origin": {
                "__class__": "ManagedGrpcPythonEnvRepositoryLocationOrigin",
                "location_name": name_location(settings),
                "loadable_target_origin": {
                    "__class__": "LoadableTargetOrigin",
                    **module,
                    **_module_of(settings.shop_name),
                    "working_directory": STANDARD_LIBRARY,
                },
            },
        },
    }
    return dg.deserialize_value(json.dumps(kept))
