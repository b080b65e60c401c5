"""The reference values for Dagster's Helm chart: no cluster and no helm is at hand.

The names of the chart's values are those of its schema for the Dagster in
``requirements.lock``, as far as these values use them.
"""

import re
from typing import Any

import pytest
import yaml

from analytics_pipeline.orchestration.code_location import LOCATION
from analytics_pipeline.settings import Settings
from analytics_pipeline_tests.system.deploy.image import ROOT, said
from analytics_pipeline_tests.system.deploy.linters import complaints

FOLDER = ROOT / "deploy/kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text("utf-8"))
(DEPLOYMENT,) = VALUES["dagster-user-deployments"]["deployments"]
LOCK = dict(
    line.split("==")
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    if "==" in line and not line.startswith("#")
)

KNOWN: dict[str, set[str]] = {
    "": {
        *("global", "postgresql", "generatePostgresqlPasswordSecret", "ingress"),
        *("dagster-user-deployments", "dagsterWebserver", "dagsterDaemon"),
        *("runLauncher", "telemetry", "pythonLogs", "retention"),
        "additionalInstanceConfig",
    },
    "global": {"postgresqlSecretName", "dagsterHome", "serviceAccountName"},
    "postgresql": {
        *("image", "enabled", "postgresqlHost", "postgresqlUsername"),
        *("postgresqlPassword", "postgresqlDatabase", "postgresqlParams"),
        *("postgresqlScheme", "service"),
    },
    "dagster-user-deployments": {
        *("enabled", "enableSubchart", "imagePullSecrets", "deployments"),
    },
    "dagster-user-deployments.deployments.0": {
        *("name", "image", "port", "dagsterApiGrpcArgs", "codeServerArgs", "env"),
        *("includeConfigInLaunchedRuns", "envConfigMaps", "envSecrets", "annotations"),
        *("nodeSelector", "affinity", "tolerations", "podSecurityContext"),
        *("securityContext", "resources", "livenessProbe", "readinessProbe"),
        *("startupProbe", "labels", "volumeMounts", "volumes", "schedulerName"),
    },
    "dagsterWebserver.workspace": {"enabled", "servers", "externalConfigmap"},
    "dagsterWebserver.workspace.servers.0": {"host", "port", "name", "ssl"},
    "dagsterDaemon": {
        *("enabled", "image", "runCoordinator", "heartbeatTolerance", "env"),
        *("envConfigMaps", "envSecrets", "runMonitoring", "runRetries", "sensors"),
        *("schedules", "volumeMounts", "volumes", "resources", "securityContext"),
    },
    "dagsterDaemon.runCoordinator": {"enabled", "type", "config"},
    "dagsterDaemon.runCoordinator.config.queuedRunCoordinator": {
        *("maxConcurrentRuns", "tagConcurrencyLimits", "dequeueIntervalSeconds"),
        *("dequeueNumWorkers", "dequeueUseThreads"),
    },
    "runLauncher": {"type", "config"},
    "runLauncher.config.k8sRunLauncher": {
        *("image", "imagePullPolicy", "jobNamespace", "loadInclusterConfig"),
        *("kubeconfigFile", "envConfigMaps", "envSecrets", "envVars", "volumeMounts"),
        *("volumes", "labels", "failPodOnRunFailure", "resources", "schedulerName"),
        *("securityContext", "runK8sConfig"),
    },
    "runLauncher.config.k8sRunLauncher.runK8sConfig": {
        *("containerConfig", "podSpecConfig", "podTemplateSpecMetadata"),
        *("jobSpecConfig", "jobMetadata"),
    },
    "pythonLogs": {"pythonLogLevel", "managedPythonLoggers", "dagsterHandlerConfig"},
    "retention": {"enabled", "sensor", "schedule", "autoMaterialize"},
}
"""The values that the chart knows, by where they are."""


def at(path: str) -> Any:
    found: Any = VALUES
    for part in filter(None, path.split(".")):
        found = found[int(part)] if part.isdigit() else found[part]
    return found


@pytest.mark.parametrize("path", KNOWN)
def test_every_value_is_one_that_the_chart_knows(path: str) -> None:
    assert at(path).keys() <= KNOWN[path]


def test_the_instance_is_that_of_the_other_deployments() -> None:
    text = (ROOT / "deploy/postgres/dagster.yaml").read_text("utf-8")
    wanted: dict[str, Any] = yaml.safe_load(text)
    added = VALUES["additionalInstanceConfig"]

    assert {name: wanted[name] for name in added} == added
    assert VALUES["telemetry"] == wanted["telemetry"]
    ours = at("dagsterDaemon.runCoordinator.config.queuedRunCoordinator")
    theirs = wanted["concurrency"]["runs"]
    assert ours["maxConcurrentRuns"] == theirs["max_concurrent_runs"]
    assert ours["tagConcurrencyLimits"] == theirs["tag_concurrency_limits"]
    logs = wanted["python_logs"]
    assert VALUES["pythonLogs"] == {
        "pythonLogLevel": logs["python_log_level"],
        "managedPythonLoggers": logs["managed_python_loggers"],
    }
    kept, days = wanted["retention"], "purge_after_days"
    assert at("retention.schedule.purgeAfterDays") == kept["schedule"][days]
    never = {"started": -1}
    assert at("retention.sensor.purgeAfterDays") == kept["sensor"][days] | never
    both = {"runMonitoring", "runRetries"}
    assert [VALUES["dagsterDaemon"][name] for name in both] == [{"enabled": False}] * 2


def test_the_code_has_variables_that_there_are_and_its_tables_in_a_bucket() -> None:
    given = {each["name"]: each["value"] for each in DEPLOYMENT["env"]}
    known = {str(each.alias) for each in Settings.model_fields.values()}

    assert given.keys() <= known | {"AWS_DEFAULT_REGION"}
    assert given["ANALYTICS_STORE"].startswith("s3://")
    assert all(isinstance(value, str) for value in given.values())
    assert DEPLOYMENT["includeConfigInLaunchedRuns"] == {"enabled": True}
    assert at("runLauncher.type") == "K8sRunLauncher"


def test_no_secret_is_among_the_values() -> None:
    text = (FOLDER / "values.yaml").read_text("utf-8")
    without = "\n".join(line for line in text.splitlines() if line[:1] != "#")

    assert not re.search(r"(?i)token|password:|secret_access|alert_urls", without)
    assert DEPLOYMENT["envSecrets"] == [{"name": "analytics-shop"}]
    assert at("global.postgresqlSecretName") == "dagster-postgresql"


def test_the_code_is_closed_and_writes_to_its_volumes_only() -> None:
    user = int(said("USER")[0].split(":")[0])
    pod, container = DEPLOYMENT["podSecurityContext"], DEPLOYMENT["securityContext"]

    assert (pod["runAsUser"], pod["runAsGroup"], pod["fsGroup"]) == (user,) * 3
    assert pod["runAsNonRoot"] is True
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    volumes = {each["name"] for each in DEPLOYMENT["volumes"]}
    mounted = {each["name"]: each["mountPath"] for each in DEPLOYMENT["volumeMounts"]}
    assert volumes == mounted.keys()
    given = {each["name"]: each["value"] for each in DEPLOYMENT["env"]}
    assert set(mounted.values()) == {given["ANALYTICS_DATA_DIR"], "/tmp"}
    assert at("ingress.enabled") is False
    assert at("dagsterWebserver.service.type") == "ClusterIP"


def test_the_code_location_has_the_name_of_all_deployments() -> None:
    assert at("dagsterWebserver.workspace.servers") == [
        {"host": DEPLOYMENT["name"], "port": DEPLOYMENT["port"], "name": LOCATION}
    ]


def test_the_image_has_the_launcher_of_the_dagster_that_is_locked() -> None:
    image = (FOLDER / "Dockerfile").read_text("utf-8")
    values = (FOLDER / "values.yaml").read_text("utf-8")

    assert f'"dagster-k8s=={LOCK["dagster-postgres"]}"' in image
    assert f"--version {LOCK['dagster']} " in values
    assert image.rstrip().endswith(f"USER {said('USER')[0]}")
    assert complaints("hadolint", FOLDER / "Dockerfile") == ""
