"""A copy of a data directory that a measure may change."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def copy_of(data: Path) -> Iterator[Path]:
    """Yield a copy of a data directory that may be changed.

    Tables are linked: the product never writes into one, it puts another in its place.
    """
    with tempfile.TemporaryDirectory(dir=data.parent) as scratch:
        yield Path(
            shutil.copytree(data, Path(scratch) / "data", copy_function=link_table)
        )


def link_table(source: str, target: str) -> None:
    """Copy a file; of a table, make another name: by its inode it is known again."""
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
