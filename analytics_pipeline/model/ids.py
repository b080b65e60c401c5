"""Ids of records in their one spelling, and which of many texts are among others."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from analytics_pipeline.model.checks import CheckResult, Severity, name_some
from analytics_pipeline.model.text import say

if TYPE_CHECKING:  # a refusal of wrong use needs no pandas
    import pandas as pd

# ----------------------------------------------------------------------------------
# Ids of records in their one spelling, so that no record is two.
#
# Lightspeed's ids are UUIDs, which are the same in any case of their letters (RFC
# 9562). Whatever delivers or types one, it is written in lower case. What is no UUID
# stays as it is: its letters may distinguish two records, so two such ids that differ
# only in case are a warning.


UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
UUID_LENGTH = 36

CHECK = "ids_differ_in_more_than_case"

_SPELLINGS = re.compile(rf"(?:urn:uuid:)?(\{{)?({UUID})(?(1)\}})", re.IGNORECASE)

_WEB_SHOPPER = re.compile(r"ecom-[0-9a-f]{16}", re.IGNORECASE)

Id = TypeVar("Id", str, str | None)


def plain_id(value: Id) -> Id:
    """Return an id in its one spelling: a UUID in lower case, anything else as it is.

    A UUID may be in braces or follow ``urn:uuid:``, as some programs write it.
    """
    if value is None or len(value) < UUID_LENGTH:
        return value
    if len(value) == UUID_LENGTH and value.islower():
        return value  # almost every one is
    found = _SPELLINGS.fullmatch(value)
    return found[2].lower() if found else value


def typed_id(value: str) -> str:
    """Return an id that a person typed or copied, in its one spelling."""
    trimmed = value.strip()
    return trimmed.lower() if _WEB_SHOPPER.fullmatch(trimmed) else plain_id(trimmed)


def plain_ids(ids: "pd.Series[str]") -> "pd.Series[str]":
    """Return *ids* in their one spelling; missing ones stay missing."""
    is_other = is_not_lower(ids)
    if not is_other.any():
        return ids
    return ids.mask(is_other, ids[is_other].map(plain_id).reindex(ids.index))


def with_plain_ids(people: "pd.DataFrame") -> "pd.DataFrame":
    """Return the figures of *people* with ``customer_id`` in its one spelling.

    Where an earlier release held one person for two, they stay as they are.
    """
    ids = plain_ids(people["customer_id"])
    return people if ids.duplicated().any() else people.assign(customer_id=ids)


def check_ids(ids: "pd.Series[str]", what: str, several: str) -> CheckResult:
    """Say whether some of *ids*, each once, differ only in the case of their letters.

    Args:
        ids: as they are stored.
        what: one of what they belong to, in words.
        several: two or more of it.
    """
    alike: list[str] = []
    if is_not_lower(ids).any():
        alike = sorted(ids[ids.str.lower().duplicated(keep=False)])
    return CheckResult(
        CHECK,
        not alike,
        f"The ids of {say(len(alike), what, several)} differ only in the case of their "
        "letters: each may be counted twice. Look at them in Lightspeed."
        if alike
        else "No two ids differ only in the case of their letters.",
        Severity.WARN,
        {"ids": len(alike), "alike": name_some(alike)},
        subject="\n".join(alike) or None,
    )


def is_not_lower(ids: "pd.Series[str]") -> "pd.Series[bool]":
    """Say of each of *ids* whether letters of it are capitals."""
    return (ids != ids.str.lower()) & ids.notna()


# ----------------------------------------------------------------------------------
# Which of many texts are among others.


def is_among(texts: "pd.Series[str]", others: Iterable[str]) -> "pd.Series[bool]":
    """Say of each of *texts* whether it is one of *others*; a missing one never is.

    ``Series.isin`` takes twenty times as long, because it hashes Arrow's texts one
    object at a time.
    """
    import pandas as pd
    import pyarrow.compute as pc

    found = pc.is_in(_as_arrow(texts), _as_arrow(others), skip_nulls=True)
    return pd.Series(found.to_numpy(zero_copy_only=False), texts.index, dtype="bool")


def look_up(
    texts: "pd.Series[str]", keys: "pd.Series[str]", values: "pd.Series[str]"
) -> "pd.Series[str]":
    """Return for each of *texts* the value of its key; missing where there is none.

    That is what ``texts.map`` does by an index, which takes as long to build as ten
    such look-ups.  *keys* and *values* are in the same order; no key is there twice.
    """
    import pandas as pd
    import pyarrow.compute as pc

    asked, known, values = _as_arrow(texts), _as_arrow(keys), _as_arrow(values)
    # To put the few into a table and look for the many takes a third of the reverse.
    is_asked = pc.is_in(known, asked, skip_nulls=True)
    places = pc.index_in(asked, known.filter(is_asked), skip_nulls=True)
    found = values.filter(is_asked).take(places)
    return pd.Series(found, texts.index, dtype="str")


def find_places(texts: "pd.Series[str]", others: "pd.Series[str]") -> Any:
    """Return where each of *texts* is among *others*, from 0 on; -1 where it is not.

    No text is among the others twice.
    """
    import pyarrow.compute as pc

    places = pc.index_in(_as_arrow(texts), _as_arrow(others), skip_nulls=True)
    return pc.fill_null(places, -1).to_numpy().astype("int64")


def _as_arrow(texts: Iterable[str]) -> Any:
    """Return texts as an array of Arrow; what is none is missing."""
    import pandas as pd
    import pyarrow as pa

    if not isinstance(texts, pd.Series):
        texts = [text for text in texts if isinstance(text, str)]
    return pa.array(texts, pa.string(), from_pandas=True)
