"""What these tests share: no version of one test is left to the next."""

from collections.abc import Iterator

import pytest

from analytics_pipeline.storage import versions


@pytest.fixture(autouse=True)
def versions_as_they_are() -> Iterator[None]:
    held = dict(versions.VERSIONS)
    yield
    versions.VERSIONS.update(held)
