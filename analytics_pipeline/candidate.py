"""A table that wants to be stored, with what its checks found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from analytics_pipeline.domain.findings import Finding


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new version of a table: rows, findings, notes, figures to plot, pictures.

    The schema is judged by the gate, unless ``is_audited`` says that it was judged
    with other days at once.  ``frame`` is missing where a finding already blocks, or
    where the rows are kept elsewhere.  ``partition`` is the day, for a table with one
    file a day.  ``places`` are where a person finds it, if that is not the store or not
    only: a path in the data directory by what is there.
    """

    frame: pd.DataFrame | None
    findings: Sequence[Finding] = ()
    partition: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, int | str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    is_audited: bool = False
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> pd.DataFrame:
        """The rows of a candidate that passed its gate, and so has some frame."""
        if self.frame is None:
            raise ValueError("a candidate without a frame cannot be stored")
        return self.frame
