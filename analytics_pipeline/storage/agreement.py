"""The note that stored days were compared with the log of sales, and agreed."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.storage.small_notes import read_note, write_note

_NAME = "agreement.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared, so that the next time only what is new since has to be.

    Attributes:
        generation: of the log.
        segments: how many the log had.
        places: what tells the zones of the outlets, and the first day, from others.
        days: every day compared, with what tells the content of its file.
    """

    generation: int
    segments: int
    places: str
    days: Mapping[str, str]


_AGREEMENT = TypeAdapter(Agreement)


def read_agreement(table: UPath) -> Agreement | None:
    """Return the last note on *table*, if there is one that can be read.

    Without it everything is compared, so a damaged one does no harm.
    """
    try:
        return read_note(table / _NAME, _AGREEMENT)
    except LocalFailure as error:
        _log.warning("%s Every stored day is compared with the log.", error.cause)
        return None


def forget_agreement(table: UPath) -> None:
    """Forget that *table* was compared: its files are about to change."""
    (table / _NAME).unlink(missing_ok=True)


def note_agreement(table: UPath, agreement: Agreement) -> None:
    """Note that *table* and the log agree, if the last note does not say so."""
    if read_agreement(table) != agreement:
        write_note(table / _NAME, json.dumps(asdict(agreement)) + "\n")
