"""What these tests share: no version and no step of one test is left to the next."""

from collections.abc import Iterator

import pytest

from analytics_pipeline.model.schemas import versions


@pytest.fixture(autouse=True)
def versions_as_they_are() -> Iterator[None]:
    held, steps = dict(versions.VERSIONS), dict(versions.STEPS)
    yield
    versions.VERSIONS.update(held)
    versions.STEPS.clear()
    versions.STEPS.update(steps)
