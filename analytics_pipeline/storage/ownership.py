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
    AnyPath,
    is_local,
    local,
    replace_bytes,
)
from analytics_pipeline.storage.small_notes import read_word, write_note

OWN_ID = ".store_owner"
"""The file of a data directory that holds its id."""

NOTE = "owner"
"""The file of a store that holds the id of its data directory."""


def claim_store(root: UPath, data_dir: Path) -> None:
    """Make sure that the store under *root* is this data directory's, or nobody's.

    A store inside the data directory needs no note: it moves with it.

    Raises:
        WrongUse: it is another one's.
        LocalFailure: one of the two notes of whose it is is damaged.
    """
    if is_local(root) and local(root).resolve().is_relative_to(data_dir.resolve()):
        return
    own = data_dir / OWN_ID
    if not own.exists():
        write_note(own, secrets.token_hex(16) + "\n")
    ours = read_word(own, _like(root / NOTE))
    owner = read_word(root / NOTE, _like(own))
    if owner is None:
        _leave_note(root / NOTE, own.read_bytes())
        # Two that came at the same time find the same one here.
        owner = read_word(root / NOTE, _like(own))
    if owner != ours:
        raise WrongUse(
            f"{root} holds the tables of another data directory than {data_dir}.",
            "Set ANALYTICS_DATA_DIR back to that one, or give this one an "
            "ANALYTICS_STORE of its own. If that one is lost for good: remove "
            f"{root / NOTE}, then run: analytics-pipeline rebuild",
        )


def _leave_note(note: UPath, content: bytes) -> None:
    """Leave the id in the store, unless somebody was faster."""
    if is_local(note):
        replace_bytes(note, content)
        return
    try:
        note.fs.pipe_file(note.path, content, mode="create")
    except FileExistsError:
        return


def _like(other: AnyPath) -> str:
    """Say what to do where one of the two notes is damaged."""
    return f"Copy {other} over it, for both hold the same; then run it again."
