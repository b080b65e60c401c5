"""The version of each table's form, and of the notes next to the tables.

What is stored states its version, and only the one of this program is read, or one in
which a column held fewer words.  A table of an older version is made again from what it
is made from; history, which cannot be made again, is left unread (docs/upgrading.md).
"""

from collections.abc import Mapping

from analytics_pipeline.tables import TABLES, Kept

FIRST = 1
"""The version of whatever was written before files stated theirs."""

VERSIONS: dict[str, int] = {
    **{form: FIRST for spec in TABLES.values() for form in spec.memory.values()},
    **{spec.form: spec.version for spec in TABLES.values()},
}
"""The version of each table's form that this program writes, and the only one it reads,
unless its specification says since when it is read.

By ``form`` of its specification, so that versions are known without a schema.  What a
table keeps for itself in a form of no table's own is of the first version.

A test holds the form of each against its record, so that neither changes alone."""

_READ_SINCE = {
    spec.form: spec.read_since for spec in TABLES.values() if spec.read_since
}
"""The oldest version of a form that is read, where that is not the one of now."""

NOTES = "notes"
NOTES_VERSION = 4
"""The version of the small JSON files beside the tables and the published files."""

SEALED = 3
"""The version of the notes from which on notes and Parquet files have seals."""

STORED: Mapping[str, str] = {
    folder: form for spec in TABLES.values() for folder, form in spec.folders.items()
}
"""The forms of what is kept as Parquet files, by the folder that it is kept in."""

HISTORY = tuple(
    folder
    for spec in TABLES.values()
    if spec.kept is Kept.HISTORY
    for folder in spec.folders
)
"""The folders of what was known on a day, which cannot be worked out again."""


def version_of(schema: type) -> int:
    """Return the version of the form that *schema* describes."""
    return VERSIONS[_form_of(schema)]


def oldest_read_of(schema: type) -> int:
    """Return the oldest version of the form of *schema* that this program reads."""
    return oldest_read(_form_of(schema))


def oldest_read(form: str) -> int:
    """Return the oldest version of a *form* that this program reads."""
    return _READ_SINCE.get(form, VERSIONS[form])


def _form_of(schema: type) -> str:
    return f"{schema.__module__.rpartition('.')[2]}:{schema.__name__}"


def current_versions() -> dict[str, int]:
    """Return the version that this program writes, of each stored table and the notes.

    The files that people read are among neither: each publication writes them again.
    """
    tables = {name: VERSIONS[form] for name, form in STORED.items()}
    return {**tables, NOTES: NOTES_VERSION}


def oldest_versions() -> dict[str, int]:
    """Return the oldest version that is read of each stored table and the notes."""
    tables = {name: oldest_read(form) for name, form in STORED.items()}
    return {**tables, NOTES: NOTES_VERSION}
