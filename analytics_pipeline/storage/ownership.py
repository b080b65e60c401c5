"""One data directory to a store: the other half of the tables is kept there.

The hash key, the published files and the lock are in the data directory, so two of
them that wrote to one bucket would undo each other's work.  Each has an id, made once,
and the first that writes to a store leaves its id there.
"""

import secrets
from pathlib import Path

from upath import UPath

from analytics_pipeline.errors import WrongUse
from analytics_pipeline.storage.files import (
    is_local,
    local,
    read_if_there,
    replace_text,
)

OWN_ID = ".store_owner"
"""The file of a data directory that holds its id."""

NOTE = "owner"
"""The file of a store that holds the id of its data directory."""


def claim_store(root: UPath, data_dir: Path) -> None:
    """Make sure that the store under *root* is this data directory's, or nobody's.

    A store inside the data directory needs no note: it moves with it.

    Raises:
        WrongUse: it is another one's.
    """
    if is_local(root) and local(root).resolve().is_relative_to(data_dir.resolve()):
        return
    own = data_dir / OWN_ID
    if not own.exists():
        replace_text(own, secrets.token_hex(16) + "\n")
    owner = _read_id(root / NOTE)
    if owner is None:
        _leave_note(root / NOTE, own.read_text(encoding="ascii"))
        # Two that came at the same time find the same one here.
        owner = _read_id(root / NOTE)
    if owner != _read_id(own):
        raise WrongUse(
            f"{root} holds the tables of another data directory than {data_dir}.",
            "Set ANALYTICS_DATA_DIR back to that one, or give this one an "
            "ANALYTICS_STORE of its own. If that one is lost for good: remove "
            f"{root / NOTE}, then run: analytics-pipeline rebuild",
        )


def _leave_note(note: UPath, text: str) -> None:
    """Leave the id in the store, unless somebody was faster."""
    if is_local(note):
        replace_text(note, text)
        return
    try:
        note.fs.pipe_file(note.path, text.encode("ascii"), mode="create")
    except FileExistsError:
        return


def _read_id(path: UPath | Path) -> str | None:
    """Return the id that a note holds; an empty note is one of nobody we know."""
    content = read_if_there(path)
    return None if content is None else content.decode("ascii", "replace").strip()
