"""Pins the wall clock of this Python to that of the tests that started it.

Python imports ``sitecustomize`` before any program, from the folders of PYTHONPATH.
The variable ``TESTS_CLOCK_OFFSET`` says by how many seconds the pinned clock is ahead
of the real one, so that all processes agree at every moment and the clock goes on.

Monotonic clocks are real.  Two readers of the real clock are brought into line, since
no Python code can pin what they are compared with: deadlines of gRPC, which its C code
waits for, and the age of a file, whose times the file system keeps.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from importlib.machinery import PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

OFFSET = "TESTS_CLOCK_OFFSET"
OF_FILES = (
    "analytics_pipeline.assets.export_in_place",
    "analytics_pipeline.assets.ecom_orders",
)
"""Who asks how old a file is: the second has the function of the first by its name."""
OF_GRPC = (
    *("_channel", "_common", "_server", "_utilities", "aio._utils"),
    "_cython.cygrpc",
)


def travel(seconds: float) -> None:
    """Let the wall clock of this process be *seconds* ahead of the real one."""
    held = sys.modules.get("pytest")
    if held is None:
        sys.modules["pytest"] = None  # type: ignore[assignment] # slow to import
    try:
        import time_machine
    finally:
        if held is None:
            del sys.modules["pytest"]
    if time_machine.escape_hatch.is_travelling():
        return
    offset, real_time = timedelta(seconds=seconds), time_machine.escape_hatch.time.time
    traveller = time_machine.travel(offset).start()
    traveller.shift(-(time.time() - real_time() - seconds))  # it starts when first read
    real = SimpleNamespace(**vars(time) | {"time": real_time})
    _after_import(
        {f"grpc.{name}": lambda module: _use(module, real) for name in OF_GRPC}
        | {name: lambda module: _shift_files(module, offset) for name in OF_FILES}
    )


def _use(module: ModuleType, real: SimpleNamespace) -> None:
    """Let a module of gRPC work out its deadlines with the real clock."""
    module.time = real  # type: ignore[attr-defined]


def _shift_files(module: ModuleType, offset: timedelta) -> None:
    """Let files have been written by the pinned clock."""
    real: Callable[[Any, Any], timedelta] = module.age_of
    if real.__module__ != __name__:  # or it was imported with its name shifted

        def age_of(shop: Any, path: Any) -> timedelta:
            return real(shop, path) - offset

        module.age_of = age_of  # type: ignore[attr-defined]


def _after_import(acts: dict[str, Callable[[ModuleType], None]]) -> None:
    """Do each act with the module of its name, now or once it is imported."""
    for name in acts.keys() & sys.modules.keys():
        acts.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _Finder(acts))


class _Finder:
    """Finds modules as usual, and acts when they were imported."""

    def __init__(self, acts: dict[str, Callable[[ModuleType], None]]) -> None:
        self._acts = acts

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        act = self._acts.pop(name, None)
        spec = act and PathFinder.find_spec(name, path, target)
        if not act or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_act(module: ModuleType) -> None:
            execute(module)
            act(module)

        spec.loader.exec_module = execute_and_act  # type: ignore[method-assign]
        return spec


if OFFSET in os.environ:
    travel(float(os.environ[OFFSET]))
