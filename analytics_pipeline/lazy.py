"""Modules that take long to import, each imported when it is first used.

``status`` and a refusal of wrong use need no frame, no Arrow and no engine, but much of
what they do need is next to what does.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

_ONE_THREAD = MappingProxyType({"OPENBLAS_NUM_THREADS": "1"})
"""What OpenBLAS reads when it is loaded, and never again."""


class _LazyModule(ModuleType):
    """Represents a module that may not be imported yet."""

    def __getattr__(self, name: str) -> Any:
        """Return what the module has under that *name*."""
        return getattr(import_module(self.__name__), name)


class _LazyModuleOfOneThread(_LazyModule):
    """Represents a module that loads a library of linear algebra."""

    def __getattr__(self, name: str) -> Any:
        """Return what the module has under that *name*."""
        if self.__name__ in sys.modules:
            return super().__getattr__(name)
        with _set_in_environment(_ONE_THREAD):
            return super().__getattr__(name)


@contextmanager
def _set_in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def lazily(name: str) -> Any:
    """Return what is used like the module of that *name*, and imports it only then.

    Where types are checked the module itself is imported in its place.
    """
    return _LazyModule(name)


def lazily_with_one_thread(name: str) -> Any:
    """Return the same of a module whose linear algebra is to use one thread.

    SciPy brings an OpenBLAS of its own, which splits even a system of ten equations
    between all processors: where these are busy, that takes twenty times as long.  And
    sums come out the same, however many processors there are.
    """
    return _LazyModuleOfOneThread(name)
