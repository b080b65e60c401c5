"""A simulated store of objects on loopback, reached as a shop's own would be."""

import importlib.util
import logging
from collections.abc import Iterator
from typing import Any

import pytest

if importlib.util.find_spec("s3fs") is None or importlib.util.find_spec("moto") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import boto3
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    from analytics_pipeline_tests.system.object_store.bucket_shop import (
        Brink,
        Bucket,
        BucketShop,
        bring_to_the_brink,
        open_bucket_shop,
    )
    from analytics_pipeline_tests.system.object_store.proxy import open_proxy

from analytics_pipeline_tests.conftest import forget_environment
from analytics_pipeline_tests.system.crashes.crashing_shop import DAY, YESTERDAY


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    """The simulated store of objects, for the whole session."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture(scope="session")
def bucket(moto: tuple[str, int]) -> Iterator["Bucket"]:
    """A bucket, which each test finds as it wants it."""
    name = "of-the-shop"
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{moto[0]}:{moto[1]}",
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket=name)
    with open_proxy(moto) as proxy:
        yield Bucket(name, client, proxy)


def environment_of(bucket: "Bucket") -> dict[str, str]:
    """What a shop sets to use a store of objects that is not Amazon's own."""
    return {
        "AWS_ENDPOINT_URL_S3": bucket.proxy.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",  # no one waits in a test
    }


@pytest.fixture
def credentials(
    bucket: "Bucket", monkeypatch: pytest.MonkeyPatch, no_environment: None
) -> "Bucket":
    """The bucket, with the environment that reaches it."""
    for name, value in environment_of(bucket).items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    bucket.proxy.begin()
    return bucket


@pytest.fixture(scope="session")
def made_brink(
    bucket: "Bucket", tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Brink"]:
    """Bring a shop to the brink of an update with late changes: once a session."""
    folder = tmp_path_factory.mktemp("brink")
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, folder)
        for name, value in environment_of(bucket).items():
            monkeypatch.setenv(name, value)
        # A renewal would be one more write in a slow run than in a quick one.
        monkeypatch.setattr("analytics_pipeline.storage.lease.RENEW_EVERY", 3_600)
        monkeypatch.setattr("analytics_pipeline.storage.lease.SAFE_FOR", 3_600)
        S3FileSystem.clear_instance_cache()
        bucket.restore({})
        bucket.proxy.begin()
        with open_bucket_shop(folder, bucket) as held:
            yield bring_to_the_brink(held, YESTERDAY, DAY, folder)


@pytest.fixture
def brink(made_brink: "Brink", credentials: "Bucket") -> "Brink":
    """A shop at the brink of an update, as it was when it came there."""
    made_brink.return_to_it()
    return made_brink


@pytest.fixture
def bucket_shop(credentials: "Bucket", tmp_path: Any) -> Iterator["BucketShop"]:
    """A tiny shop of which nothing is stored yet."""
    credentials.restore({})
    with open_bucket_shop(tmp_path, credentials) as held:
        yield held
