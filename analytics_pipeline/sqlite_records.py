"""Dagster's records in SQLite files, as ``dagster.yaml`` names them.

The files are kept open between two events, which takes private parts of Dagster; where
this Dagster has other ones, its own storage keeps the same files instead.
"""

import logging
from typing import Any

from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

_LOG = logging.getLogger(__name__)
OTHER_PARTS = (ImportError, AttributeError, TypeError)
"""How it shows that this Dagster has other private parts."""


class SqliteRecords(DagsterSqliteStorage):
    """Dagster's storage of runs, events and schedules, its files kept open."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> Any:
        """Make it from ``dagster.yaml``; Dagster's own where that is not possible."""
        try:
            from analytics_pipeline.kept_open import KeptOpenRecords

            return KeptOpenRecords.from_local(inst_data=inst_data, **config_value)
        except OTHER_PARTS as error:
            _LOG.warning(
                "Dagster's records are kept by its own storage, which is slower: this "
                "version of Dagster has other parts (%s).",
                error,
            )
            return DagsterSqliteStorage.from_local(inst_data=inst_data, **config_value)
