"""One function a table: what it is given, and where the gate finds it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, wraps
from importlib import import_module
from inspect import signature
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.shared_checks import CatchUpCheck
from analytics_pipeline.model.checks import Candidate, LastResult
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.protocol import PointOfSale, WebShop
from analytics_pipeline.tables import Source, TableSpec


def _no_results() -> Sequence[LastResult]:
    return ()


def no_web_shop() -> AbstractContextManager[WebShop | None]:
    """Open no way to the web shop: its orders come from an export."""
    return nullcontext()


@dataclass
class TableRun:
    """The run that a table is made in; its inputs are parameters of their own.

    Attributes:
        shop: whose table it is: its settings, clock, engine, and what it noted of
            earlier runs. The function of a table loads no other table from it.
        days: the partitions asked for; none for a table without days.
        as_of: the day D that the run is for.
        lightspeed: opens the way to the store.
        options: the configuration of the run for this table.
        web_shop: opens the way to the web shop, to none without its settings.
        last_results: returns the last result of every check but the table's own.
        expected: how many candidates there will be, where that is more than *days*.
        day: the one of *days* that is being made, of a table that is made day by day.
    """

    shop: Shop
    days: Sequence[date]
    as_of: date
    lightspeed: Callable[[], AbstractContextManager[PointOfSale]]
    options: Mapping[str, Any] = field(default_factory=dict)
    last_results: Callable[[], Sequence[LastResult]] = _no_results
    expected: int = 0
    day: date = date.min
    web_shop: Callable[[], AbstractContextManager[WebShop | None]] = no_web_shop

    @property
    def policy(self) -> Policy:
        """The shop's choices."""
        return self.shop.policy

    @cached_property
    def catch_up(self) -> CatchUpCheck:
        """Says of any day whether the feeds were read to their end after it."""
        with self.shop.reading_only(["outlets"]):  # in whose zones a day has ended
            return CatchUpCheck(self.shop)

    @property
    def is_provisional(self) -> bool:
        """Whether the day still goes on somewhere, so that its figures may change."""
        return self.catch_up.is_provisional(self.day)

    def of(self, day: date) -> "TableRun":
        """Return the run as it makes one *day*."""
        return replace(self, day=day)


@dataclass(frozen=True, slots=True)
class StoredDays:
    """The stored days of an input, for a table that chooses its days itself."""

    shop: Shop
    spec: TableSpec

    def states(self) -> dict[str, str]:
        """Return each stored day with what identifies its content."""
        return self.shop.warehouse.states(self.spec.name)

    def open(self, days: Iterable[str]) -> ir.Table:
        """Return the rows of those *days*, which are stored."""
        with self.shop.reading_only([self.spec.name]):
            return self.shop.open_days(self.spec, days)

    def read(self, day: date) -> tuple[pd.DataFrame, Mapping[str, str]] | None:
        """Return the rows and notes of a *day* as they are stored; none if it is not.

        Raises:
            LocalFailure: they are damaged.
        """
        warehouse, partition = self.shop.warehouse, day.isoformat()
        if not warehouse.exists(self.spec.name, partition):
            return None
        rows = warehouse.read(self.spec.name, self.spec.schema, partition)
        return rows, warehouse.notes(self.spec.name, partition) or {}

    def notes(self, day: date) -> Mapping[str, str]:
        """Return what the function of the table noted beside the rows of a *day*.

        That is stated for other tables and for later days; none is there of a day that
        is not stored.

        Raises:
            LocalFailure: they are damaged.
        """
        return self.shop.warehouse.notes(self.spec.name, day.isoformat())

    def refuse_failed(self, days: Sequence[str]) -> None:
        """Raise if the last attempt at one of *days* failed its gate.

        Raises:
            InputFailed: it did.
        """
        self.shop.refuse_failed(self.spec.name, list(days))


Made = Candidate | Iterable[Candidate]

TableFunction = Callable[[TableRun, Mapping[str, Any]], Iterator[Candidate]]
"""Makes the candidates of a run from the inputs, by the names of its parameters."""


def table(spec: TableSpec) -> Callable[[Callable[..., Made]], TableFunction]:
    """Mark the decorated function as what makes the table of *spec*.

    Its first parameter is the run, the others are the inputs that *spec* declares, by
    name; before them, for a table that is delivered, the way to its source: for one
    of the web shop none where the settings have none.  It returns one candidate, or
    yields one for each day.

    Raises:
        ValueError: its name or that of its module is not the table's, or its parameters
            are not the table's inputs.
    """
    expected = ["run", *_client_of(spec), *spec.parameters]

    def mark(function: Callable[..., Made]) -> TableFunction:
        if not spec.name == function.__name__ == function.__module__.split(".")[-1]:
            raise ValueError(f"{spec.name} must be made by {spec.name}.{spec.name}")
        if list(signature(function).parameters) != expected:
            raise ValueError(f"{spec.name} must take: {', '.join(expected)}")

        @wraps(function)
        def make(run: TableRun, inputs: Mapping[str, Any]) -> Iterator[Candidate]:
            with run.shop.reading_only([spec.name]):
                if spec.source is Source.LIGHTSPEED:
                    with run.lightspeed() as lightspeed:
                        made = function(run, lightspeed=lightspeed, **inputs)
                elif spec.source is Source.WEB_SHOP:
                    with run.web_shop() as web_shop:
                        made = function(run, web_shop=web_shop, **inputs)
                else:
                    made = function(run, **inputs)
                yield from [made] if isinstance(made, Candidate) else made

        return make

    return mark


def _client_of(spec: TableSpec) -> list[str]:
    return [] if spec.source is None else [spec.source.value]


def function_of(spec: TableSpec) -> TableFunction:
    """Return the function that makes the table of *spec*, in the module of its name."""
    module = import_module(f"analytics_pipeline.assets.{spec.name}")
    function: TableFunction = getattr(module, spec.name)
    return function
