"""Modules that take long to import, each imported when it is first used.

``status`` and a refusal of wrong use need no frame, no Arrow and no engine, but much of
what they do need is next to what does.
"""

from importlib import import_module
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    """Represents a module that may not be imported yet."""

    def __getattr__(self, name: str) -> Any:
        """Return what the module has under that *name*."""
        return getattr(import_module(self.__name__), name)


def lazily(name: str) -> Any:
    """Return what is used like the module of that *name*, and imports it only then.

    Where types are checked the module itself is imported in its place.
    """
    return _LazyModule(name)
