"""What lies in a bucket that machines share, besides the tables: key and publication.

A bucket that was used from one data directory still has these there.  The first run
from that directory moves them up; after that a run can start anywhere.
"""

from pathlib import Path

from upath import UPath

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.storage.files import list_names, replace_bytes
from analytics_pipeline.storage.files_for_people import QUARANTINE, place_of
from analytics_pipeline.storage.object_store import is_shared
from analytics_pipeline.storage.publication import (
    ARCHIVE,
    FIRST_TIME_BUYERS,
    MASTER,
    NOTES,
    STAMP,
)
from analytics_pipeline.storage.state import (
    IDENTITY_KEY,
    NOTE,
    OWN_ID,
    PUT_BACK,
    claim_store,
    leave_note,
    read_identity_key,
    read_word,
    write_note,
)

SHARED = "shared"
"""What the note of whose a store is says where it is no data directory's.

An earlier program takes it for another data directory, and leaves the store alone.
"""


def prepare_store(root: UPath, data_dir: Path) -> None:
    """Make sure that a run from *data_dir* may write to the store under *root*.

    The run holds the store already.

    Raises:
        WrongUse: the store, or its key, is that of another data directory.
        LocalFailure: a note about it is damaged.
    """
    if not is_shared(root):
        claim_store(root, data_dir)
        return
    _refuse_another_key(root, data_dir)
    owner = read_word(root / NOTE, f"Remove it, if {data_dir} is where it was used.")
    if owner == SHARED:
        return
    if owner not in (None, read_word(data_dir / OWN_ID, PUT_BACK)):
        raise WrongUse(
            f"{root} holds the tables of another data directory than {data_dir}, and "
            "their key and what was published are still there.",
            "Run analytics-pipeline update once from that one, which moves them into "
            f"the bucket. If it is lost for good: remove {root / NOTE}, then run: "
            "analytics-pipeline rebuild",
        )
    _move_up(root, data_dir)
    write_note(root / NOTE, f"{SHARED}\n")


def _refuse_another_key(root: UPath, data_dir: Path) -> None:
    """Make sure that a key in the data directory is the one in the bucket.

    Raises:
        WrongUse: it is another one.
    """
    ours, theirs = data_dir / IDENTITY_KEY, root / IDENTITY_KEY
    here, there = read_word(ours, PUT_BACK), read_word(theirs, PUT_BACK)
    if here is not None and there is not None and here != there:
        raise WrongUse(
            f"{ours} is another key than {theirs}, which hashed the contacts there.",
            f"Remove {ours}, or give this data directory an ANALYTICS_STORE of its "
            "own.",
        )


def _move_up(root: UPath, data_dir: Path) -> None:
    """Copy the key, the lists of quarantine and what was published.

    The note of what is published is last; where it is, all of it is.
    """
    if (data_dir / IDENTITY_KEY).exists():
        leave_note(root / IDENTITY_KEY, (data_dir / IDENTITY_KEY).read_bytes())
    read_identity_key(root / IDENTITY_KEY)
    if NOTES in list_names(root):
        return
    archived = [f"{ARCHIVE}/{name}" for name in list_names(data_dir / ARCHIVE)]
    listed = [place_of(table) for table in list_names(data_dir / QUARANTINE)]
    for name in (*listed, *archived, FIRST_TIME_BUYERS, MASTER, STAMP, NOTES):
        if (data_dir / name).is_file():
            replace_bytes(root / name, (data_dir / name).read_bytes())
