"""What these tests share: no version and no step of one test is left to the next.

They tell of a program whose tables are all of version 1, and of the one after it,
whatever the versions of today are.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_pipeline.schemas import versions
from analytics_pipeline_tests.conftest import SMALL, forget_environment
from analytics_pipeline_tests.light_run import run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, open_simulated_shop
from analytics_pipeline_tests.upgrades.older_shop import become_first


@pytest.fixture(scope="module", autouse=True)
def all_of_version_1() -> Iterator[None]:
    held = dict(versions.VERSIONS)
    become_first()
    yield
    versions.VERSIONS.update(held)


@pytest.fixture(scope="module")
def small_shops_data(
    all_of_version_1: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What an update of a store of twelve days by the first program leaves behind."""
    data = tmp_path_factory.mktemp("first") / "data"
    with pytest.MonkeyPatch.context() as monkeypatch:
        forget_environment(monkeypatch, data.parent)
        with open_simulated_shop(data, **SMALL) as simulated:
            run_light(simulated.settings, FIRST_DAY)
    return data


@pytest.fixture(autouse=True)
def versions_as_they_are(all_of_version_1: None) -> Iterator[None]:
    held, steps = dict(versions.VERSIONS), dict(versions.STEPS)
    yield
    versions.VERSIONS.update(held)
    versions.STEPS.clear()
    versions.STEPS.update(steps)
