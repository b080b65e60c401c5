"""The two days are lived through once for all tests of a process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from analytics_pipeline_tests.system.faults.two_days import (
    SOURCES,
    Situation,
    open_two_days,
)

Situations = Callable[..., list[Situation]]


@pytest.fixture(scope="session")
def situations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Situations]:
    """A first load and a daily update of *tables*, for a version of the API."""
    held: dict[object, list[Situation]] = {}
    with ExitStack() as stack:

        def prepare(
            api_version: str, tables: tuple[str, ...] = SOURCES
        ) -> list[Situation]:
            kind = api_version, tables
            if kind not in held:
                folder = tmp_path_factory.mktemp("days")
                two_days = open_two_days(folder, api_version, tables)
                held[kind] = stack.enter_context(two_days)
            return held[kind]

        yield prepare
