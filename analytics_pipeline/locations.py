"""Dagster's code locations of a chain: one a shop, each in a process of its own.

The attribute ``north`` of this module are the definitions of the shop north, made when
Dagster asks for them; so a shop whose file cannot be used, or whose process dies, takes
no other along.  Nothing else here may have a name that a shop could have.
"""

import logging as _logging

from analytics_pipeline import definitions as _definitions
from analytics_pipeline import settings as _chain
from analytics_pipeline.model.errors import WrongUse as _WrongUse
from analytics_pipeline.storage import machine as _shortages


def __getattr__(name: str) -> object:
    """Build the definitions of the shop of that *name*.

    Raises:
        WrongUse: there is no such shop, or its file cannot be used.
        AttributeError: Python asks for something of its own.
    """
    if name.startswith("__"):
        raise AttributeError(name)
    _definitions.ignore_previews()
    _shortages.allow_more_files()
    chain = _chain.find_chain()
    if chain is None:
        raise _WrongUse(
            "ANALYTICS_SHOPS is not set, so there is no chain of shops.",
            "Set it to the folder of their files, then run: analytics-pipeline ui",
        )
    settings = chain.settings_of(name)
    if settings.exposure:
        _logging.getLogger(__name__).warning(settings.exposure)
    return _definitions.build_definitions(settings)
