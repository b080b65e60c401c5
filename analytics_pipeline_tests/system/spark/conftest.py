"""One Spark session for all tests of a process; without Java they are skipped."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline.engine.duckdb import connect
from analytics_pipeline.settings import Engine


def why_no_spark() -> str | None:
    """Say what is missing, if anything is."""
    if importlib.util.find_spec("pyspark") is None:
        return 'PySpark is missing: pip install -e ".[spark]"'
    java = shutil.which("java", path=f"{os.environ.get('JAVA_HOME', '')}/bin")
    if (java or shutil.which("java")) is None:
        return "Java is missing: Spark needs version 17 or later"
    return None


def skip_without_spark() -> None:
    missing = why_no_spark()
    if missing is not None:
        pytest.skip(f"that Spark agrees with DuckDB is NOT proved here. {missing}")


@pytest.fixture(scope="session")
def spark() -> Any:
    """Spark on this machine, which takes ten seconds to start."""
    skip_without_spark()
    engine: Any = connect(Engine.SPARK, "local[2]")
    # A table of twenty rows is read faster than the code for it is compiled.
    engine._session.conf.set("spark.sql.codegen.wholeStage", "false")
    engine._session.conf.set("spark.sql.shuffle.partitions", "1")
    return engine


@pytest.fixture(scope="session")
def connect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of Spark Connect of this machine, as a cluster would offer one."""
    skip_without_spark()
    for module, package in {"grpc_status": "grpcio-status", "google.rpc": ""}.items():
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            name = package or "googleapis-common-protos"
            pytest.skip(f"Spark Connect is NOT proved here. Missing: {name}")
    port = _free_port()
    home = Path(importlib.util.find_spec("pyspark").origin).parent  # type: ignore[union-attr,arg-type]
    command = [
        str(home / "bin" / "spark-submit"),
        "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
        "--master", "local[2]",
        "--conf", f"spark.connect.grpc.binding.port={port}",
        "--conf", "spark.ui.enabled=false",
        "spark-internal",
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("connect")
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=environment
        ) as server,
    ):
        try:
            _wait_for(port, folder / "log", server)
            yield f"sc://127.0.0.1:{port}"
        finally:
            server.terminate()


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int, log: Path, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(240):
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    text = re.sub(r"\s+", " ", log.read_text(errors="replace"))[-400:]
    pytest.skip(f"Spark Connect is NOT proved here. Its server does not start: {text}")
