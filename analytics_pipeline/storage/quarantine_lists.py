"""The lists of records turned away, for people: rule and position, never a payload."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.storage.files import replace_text

COLUMNS = ["rule", "record_id", "version", "position"]


class QuarantineLists:
    """One list for each source, under the data directory."""

    def __init__(self, data_dir: Path) -> None:
        """Keep the lists in ``quarantine`` of *data_dir*."""
        self._folder = data_dir / "quarantine"

    def path(self, table: str) -> Path:
        """Return where the list of *table* is."""
        return self._folder / table / "records.csv"

    def write(self, table: str, rejections: Sequence[Rejection]) -> None:
        """List what stands in quarantine now; of nothing ever, there is no list."""
        path = self.path(table)
        if not rejections and not path.exists():
            return
        rows = pd.DataFrame(map(asdict, rejections), columns=COLUMNS)
        replace_text(path, rows.to_csv(index=False, lineterminator="\n"))

    def count(self, table: str) -> int:
        """Return how many records of *table* stand in quarantine."""
        path = self.path(table)
        return len(pd.read_csv(path, dtype="str")) if path.exists() else 0
