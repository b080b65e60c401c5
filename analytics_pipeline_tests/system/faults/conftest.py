"""The two days are lived through once for all tests of a process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from analytics_pipeline_tests.system.faults.two_days import Situation, open_two_days

Situations = Callable[[str], list[Situation]]


@pytest.fixture(scope="session")
def situations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Situations]:
    """A first load and a daily update, for a version of the API."""
    held: dict[str, list[Situation]] = {}
    with ExitStack() as stack:

        def prepare(api_version: str) -> list[Situation]:
            if api_version not in held:
                two_days = open_two_days(tmp_path_factory.mktemp("days"), api_version)
                held[api_version] = stack.enter_context(two_days)
            return held[api_version]

        yield prepare
