"""Commands that the pages show and no test types as they are, and why not."""

import re
from collections.abc import Iterator, Mapping

from analytics_pipeline_tests.documentation.pages import Typed

INSTALLS = "installs packages, which a build does before the tests"
BUCKET = "needs a bucket: object_store/ does the same with a simulated one"
CLUSTER = "needs PySpark and Java: spark/ does the same"
POSTGRES = "needs a server of PostgreSQL: shared_deployment/ starts one"
MACHINE = "needs root and systemd: deploy/ tries the units and the files"
CONTAINERS = "needs an engine for containers: deploy/ runs what the image runs"
KUBERNETES = "needs a cluster, Helm and a registry of images: none was at hand"
GITHUB = "needs a repository on GitHub: deploy/ runs the workflow's own steps"
HOURS = "takes hours: test_benchmarks measures small files"
ITSELF = "writes into docs: test_made_pages does it in another folder"

# Each command is one line here, however long.
# ruff: noqa: E501
_SHOWN = (
    ("README.md", INSTALLS, """
python3 -m venv .venv && .venv/bin/pip install -q -c requirements.lock -e . && .venv/bin/analytics-pipeline demo
python3 -m venv .venv && .venv/bin/pip install -q -c requirements.lock -e ".[dev]" && .venv/bin/pytest -q -n 3
"""),
    ("architecture.md", ITSELF, """
python -m analytics_pipeline_tests.documentation
"""),
    ("for-people-who-know-dagster.md", INSTALLS, """
pip install -c requirements.lock ".[dg]"
dg check defs
DAGSTER_HOME="$PWD" dg dev
"""),
    ("kubernetes.md", KUBERNETES, """
docker build --file deploy/docker/Dockerfile --tag analytics-pipeline .
docker build --file deploy/kubernetes/Dockerfile --tag registry.example.com/analytics-pipeline:1 .
docker push registry.example.com/analytics-pipeline:1
kubectl create secret generic dagster-postgresql --from-env-file=postgresql.env
kubectl create secret generic analytics-shop --from-env-file=shop.env
helm repo add dagster https://dagster-io.github.io/helm
helm pull dagster/dagster --version 1.13.27
helm lint dagster-1.13.27.tgz --values deploy/kubernetes/values.yaml
helm upgrade --install dagster dagster/dagster --version 1.13.27 --values deploy/kubernetes/values.yaml
"""),
    ("object-storage.md", BUCKET, """
pip install "analytics-pipeline[s3]"
export ANALYTICS_STORE=s3://my-bucket/analytics
export AWS_PROFILE=shop
export AWS_ENDPOINT_URL_S3=https://…
analytics-pipeline update
"""),
    ("performance.md", HOURS, """
pip install -e ".[bench]" && python -m benchmarks
"""),
    ("running.md", MACHINE, """
sudo useradd --system --home-dir /srv/analytics --shell /usr/sbin/nologin analytics
sudo git clone THIS-REPOSITORY /srv/analytics && cd /srv/analytics
sudo python3 -m venv .venv && sudo .venv/bin/pip install -c requirements.lock .
sudo install -d -m 700 -o analytics -g analytics data
sudo install -m 600 -o analytics -g analytics /dev/null .env && sudoedit .env
sudo -u analytics .venv/bin/analytics-pipeline update
sudo install -m 644 deploy/systemd/analytics-update.* /etc/systemd/system/
sudo systemctl daemon-reload && sudo systemctl enable --now analytics-update.timer
"""),
    ("running.md", GITHUB, """
gh run download --name analytics-data
gpg --decrypt analytics-data.tar.gz.gpg | tar -xzf - -C an/empty/folder
"""),
    ("running.md", CONTAINERS, """
cd deploy/docker
install -m 600 env.example .env
docker compose up --build --detach
docker compose ps
docker compose run --rm daemon analytics-pipeline update
docker compose run --rm --volume "$PWD/orders.csv:/orders.csv:ro" daemon analytics-pipeline import-ecom /orders.csv
docker compose cp daemon:/data/customer_analytics_master.csv .
"""),
    ("shared-deployment.md", INSTALLS, """
pip install -c requirements.lock ".[postgres]"
"""),
    ("shared-deployment.md", POSTGRES, """
createuser --pwprompt dagster
createdb --owner=dagster dagster
install -d -m 700 /srv/analytics/dagster /srv/analytics/data
install -m 600 deploy/postgres/dagster.yaml /srv/analytics/dagster/
deploy/postgres/start webserver
deploy/postgres/start daemon
deploy/postgres/start code
"""),
    ("spark.md", CLUSTER, """
pip install "analytics-pipeline[spark]"
export ANALYTICS_ENGINE=spark
export SPARK_REMOTE=sc://cluster.example.com:15002
export SPARK_MASTER=spark://cluster.example.com:7077
analytics-pipeline update
"""),
)  # fmt: skip


def _listed() -> Iterator[tuple[tuple[str, str], str]]:
    for page, reason, commands in _SHOWN:
        for command in commands.strip().splitlines():
            yield (page, command), reason


NOT_TYPED: Mapping[tuple[str, str], str] = dict(_listed())
"""The reason, by the page and the command without its comment."""


def bare(typed: Typed) -> str:
    """Return a command without its comment and its alignment."""
    return re.sub(r"\s+", " ", re.sub(r"\s+# .*$", "", typed.command))
