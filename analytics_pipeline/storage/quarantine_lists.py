"""The lists of records turned away, for people: rule and position, never a payload."""

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import pandas as pd

from analytics_pipeline.domain.csv_text import BYTE_ORDER_MARK, write_text
from analytics_pipeline.domain.rejections import Rejection
from analytics_pipeline.storage.files import replace_text

COLUMNS = ["rule", "record_id", "version", "position"]


class QuarantineLists:
    """One list for each source, under the data directory."""

    def __init__(self, data_dir: Path, byte_order_mark: bool = False) -> None:
        """Keep the lists in ``quarantine`` of *data_dir*."""
        self._folder = data_dir / "quarantine"
        self._begins = BYTE_ORDER_MARK if byte_order_mark else ""

    def path(self, table: str) -> Path:
        """Return where the list of *table* is."""
        return self._folder / table / "records.csv"

    def write(self, table: str, rejections: Sequence[Rejection]) -> None:
        """List what stands in quarantine now; of nothing ever, there is no list."""
        path = self.path(table)
        if not rejections and not path.exists():
            return
        rows = [COLUMNS, *(astuple(each)[1:] for each in rejections)]
        lines = (",".join(map(_write_cell, row)) + "\n" for row in rows)
        replace_text(path, self._begins + "".join(lines))

    def count(self, table: str) -> int:
        """Return how many records of *table* stand in quarantine."""
        path = self.path(table)
        return len(pd.read_csv(path, dtype="str")) if path.exists() else 0


def _write_cell(value: str | int | None) -> str:
    """Write a name, an id or a number as a spreadsheet may open it (rule 8.5)."""
    return "" if value is None else write_text(str(value))
