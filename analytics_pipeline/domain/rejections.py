"""A record of a source that breaks a rule: what is kept of it, and nothing more."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record turned away: which, why and where; never what it said."""

    table: str
    rule: str
    record_id: str | None
    version: int | None
    position: str
