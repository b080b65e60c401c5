"""One function a table: what it is given, and where the gate finds it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from functools import wraps
from importlib import import_module
from typing import Any

from analytics_pipeline.model.checks import Candidate, LastResult
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import PointOfSale
from analytics_pipeline.tables import TableSpec


def _no_results() -> Sequence[LastResult]:
    return ()


@dataclass(slots=True)
class TableRun:
    """What a function that makes a table is given.

    Attributes:
        shop: whose table it is; it loads the inputs that the table declares.
        days: the partitions asked for; none for a table without days.
        as_of: the day D that the run is for.
        lightspeed: opens the way to the store.
        options: the configuration of the run for this table.
        last_results: returns the last result of every check but the table's own.
        expected: how many candidates there will be, where that is more than *days*.
    """

    shop: Shop
    days: Sequence[date]
    as_of: date
    lightspeed: Callable[[], AbstractContextManager[PointOfSale]]
    options: Mapping[str, Any] = field(default_factory=dict)
    last_results: Callable[[], Sequence[LastResult]] = _no_results
    expected: int = 0


TableFunction = Callable[[TableRun], Iterator[Candidate]]


def table(
    spec: TableSpec,
) -> Callable[[Callable[[TableRun], Candidate | Iterable[Candidate]]], TableFunction]:
    """Mark the decorated function as what makes the table of *spec*.

    It returns one candidate, or yields one for each day.

    Raises:
        ValueError: its name, or that of its module, is not the table's.
    """

    def mark(
        function: Callable[[TableRun], Candidate | Iterable[Candidate]],
    ) -> TableFunction:
        if not spec.name == function.__name__ == function.__module__.split(".")[-1]:
            raise ValueError(f"{spec.name} must be made by {spec.name}.{spec.name}")

        @wraps(function)
        def make(run: TableRun) -> Iterator[Candidate]:
            made = function(run)
            if isinstance(made, Candidate):
                yield made
            else:
                yield from made

        return make

    return mark


def function_of(spec: TableSpec) -> TableFunction:
    """Return the function that makes the table of *spec*, in the module of its name."""
    module = import_module(f"analytics_pipeline.assets.{spec.name}")
    function: TableFunction = getattr(module, spec.name)
    return function
