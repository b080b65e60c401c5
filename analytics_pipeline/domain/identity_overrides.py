"""What people declare about identity: these two records are, or are not, one person.

Reading ``identity_overrides.csv`` is the caller's business; here it is judged.
"""

from collections.abc import Collection

import pandas as pd

from analytics_pipeline.domain.ids import typed_id
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.errors import WrongUse

COLUMNS = ["left_id", "right_id", "rule", "reason"]
RULES = ("same", "different")
HEADER_LINES = 1

RULE_FAULT = (
    "the rule is neither `same` nor `different`",
    "Write one of these two words in the column rule.",
)
SELF_FAULT = (
    "both ids are the same record",
    "Name two records, or take the line out.",
)


def no_overrides() -> pd.DataFrame:
    """Return the table of a shop that declares nothing."""
    return pd.DataFrame(columns=COLUMNS, dtype="str")


def check_overrides(
    overrides: pd.DataFrame, known_ids: Collection[str]
) -> pd.DataFrame:
    """Return *overrides* trimmed, its four columns only (rule 3.4).

    Args:
        overrides: the file's rows as text, in its order; a blank cell may be missing.
        known_ids: every customer record that may be joined: not the walk-in.

    Raises:
        WrongUse: a column is missing or a line cannot be used; the message names the
            line, never what stands in it, which may be personal.
    """
    missing = [column for column in COLUMNS if column not in overrides.columns]
    if missing:
        raise WrongUse(
            f"identity_overrides.csv has no column {', '.join(missing)}.",
            f"Its first line must be: {','.join(COLUMNS)}",
        )
    typed = overrides[COLUMNS].astype("str").fillna("").reset_index(drop=True)
    checked = typed.assign(**{each: typed[each].str.strip() for each in COLUMNS})
    checked["rule"] = checked["rule"].str.lower()
    for column in ("left_id", "right_id"):
        checked[column] = checked[column].map(typed_id).astype("str")
    _refuse_lines(~checked["rule"].isin(RULES), *RULE_FAULT)
    known = pd.Index(list(known_ids), dtype="str")
    for column in ("left_id", "right_id"):
        _refuse_lines(
            ~is_among(checked[column], known),
            f"the {column} is not a customer record",
            "Copy the id from the master file or from Lightspeed; the walk-in and "
            "`ecom-` ids cannot be joined.",
        )
    _refuse_lines(checked["left_id"] == checked["right_id"], *SELF_FAULT)
    return checked


def _refuse_lines(is_wrong: "pd.Series[bool]", fault: str, remedy: str) -> None:
    """Raise for the first wrong line, counted as an editor counts."""
    if is_wrong.any():
        line = int(is_wrong.to_numpy().argmax()) + HEADER_LINES + 1
        raise WrongUse(f"identity_overrides.csv, line {line}: {fault}.", remedy)
