"""People who may be several: too many records, or names that do not fit together.

A couple with one phone number is one person by the rules; so is a family, or a small
firm.  Nobody is separated here: a person looks, and declares who is different.
"""

import numpy as np
import pandas as pd

from analytics_pipeline.domain.findings import (
    Finding,
    OwnersList,
    Severity,
    name_some,
)
from analytics_pipeline.domain.identity_spanning import Places, begins, span_forest
from analytics_pipeline.domain.names import split_names
from analytics_pipeline.domain.wording import say
from analytics_pipeline.vocabulary import RecordKind


def judge_people(
    customer_identities: pd.DataFrame,
    customers: pd.DataFrame,
    overrides: pd.DataFrame,
    suspicious_size: int,
) -> Finding:
    """Warn of people who may be several, and tell how to separate them (rule 3.4)."""
    people = describe_merged(customer_identities, customers, overrides, suspicious_size)
    suspicious = people[people["is_too_large"] | people["has_conflicting_names"]]
    too_large = int(people["is_too_large"].sum())
    conflicting = int(people["has_conflicting_names"].sum())
    sentence = (
        f"{say(len(suspicious), 'person', 'people')} may be several: "
        f"{say(too_large, 'has', 'have')} more than {suspicious_size} records, "
        f"{say(conflicting, 'has', 'have')} names without a common word. "
        "If two records are different people, add a line to identity_overrides.csv: "
        "left_id,right_id,different,reason; if their names are one person's: "
        "left_id,right_id,same,reason."
    )
    return Finding(
        "people_look_right",
        suspicious.empty,
        "Nobody has too many records, or names without a common word."
        if suspicious.empty
        else sentence,
        Severity.WARN,
        {
            "too_large": too_large,
            "conflicting_names": conflicting,
            "largest": int(people["records"].to_numpy().max(initial=1)),
            "people": name_some(suspicious["person_id"].tolist()),
        },
        offenders=None
        if suspicious.empty
        else _list_members(suspicious, customer_identities, customers),
    )


def _list_members(
    suspicious: pd.DataFrame, customer_identities: pd.DataFrame, customers: pd.DataFrame
) -> OwnersList:
    """List the live records of each person who may be several."""
    people = suspicious[["person_id", "is_too_large", "has_conflicting_names"]]
    live = customer_identities[customer_identities["is_live"]]
    members = live.merge(people, on="person_id").merge(
        customers, left_on="record_id", right_on="customer_id"
    )
    members["why"] = members["is_too_large"].map(
        {True: "many records", False: "names without a common word"}
    )
    columns = ["person_id", "why", "record_id", "name"]
    rows = members.sort_values(["person_id", "record_id"])[columns].fillna("")
    return OwnersList(columns, rows.astype("str").to_numpy().tolist())


def describe_merged(
    customer_identities: pd.DataFrame,
    customers: pd.DataFrame,
    overrides: pd.DataFrame,
    suspicious_size: int,
) -> pd.DataFrame:
    """Return one row a person of several live records, sorted by ``person_id``.

    Columns: ``person_id``; ``records``, how many live ones; ``is_too_large``, more
    of them than *suspicious_size*; ``has_conflicting_names``: the names of the live
    records fall into groups that share no word.

    A name without a word is none.  Case and accents do not matter, and initials do
    not if there is another word.  Records declared the same share what they need.

    Args:
        customer_identities: ``CustomerIdentities``.
        customers: ``Customers``, made into those identities.
        overrides: as ``check_overrides`` returns them.
        suspicious_size: live records up to which a person looks right.
    """
    live = customer_identities.loc[
        customer_identities["is_live"]
        & (customer_identities["record_kind"] == RecordKind.CUSTOMER),
        ["record_id", "person_id"],
    ]
    person, ids = pd.factorize(live["person_id"])
    records = np.bincount(person, minlength=len(ids))
    is_member = records[person] > 1
    members = live[is_member].assign(person=person[is_member])
    named = customers[["customer_id", "name"]].dropna()
    members = members.merge(named, left_on="record_id", right_on="customer_id")
    is_conflicting = np.zeros(len(ids), dtype="bool")
    is_conflicting[_find_conflicts(members, overrides)] = True
    people = pd.DataFrame(
        {
            "person_id": ids,
            "records": records,
            "is_too_large": records > suspicious_size,
            "has_conflicting_names": is_conflicting,
        }
    )
    return people[people["records"] > 1].sort_values("person_id", ignore_index=True)


def _several_names(named: pd.DataFrame) -> pd.DataFrame:
    """Return the members of persons whose name is spelled in more than one way."""
    spelling, _ = pd.factorize(named["name"])
    by_person = pd.Series(spelling).groupby(named["person"].to_numpy())
    differs = by_person.transform("min") != by_person.transform("max")
    return named[differs.to_numpy()]


def _find_conflicts(members: pd.DataFrame, overrides: pd.DataFrame) -> Places:
    """Return the ``person`` of *members* whose names fall into several groups."""
    named = _several_names(members)
    spelling, names = pd.factorize(named["name"])
    words = pd.Series(split_names(names), dtype="object").take(spelling)
    named = named.assign(word=words.to_numpy())[words.map(len).to_numpy() > 0]
    named = named.reset_index(drop=True)
    declared = named["record_id"].map(_declared_same(overrides)).dropna()
    shared = pd.concat([named["word"].explode(), declared])
    member, person = shared.index.to_numpy("int64"), named["person"].to_numpy("int64")
    code, known = pd.factorize(shared)
    tree = _group(member, person[member] * len(known) + code, len(named))
    first = person[tree == np.arange(len(tree))]
    return np.flatnonzero(np.bincount(first) > 1)


def _declared_same(overrides: pd.DataFrame) -> "pd.Series[str]":
    """Return for each record declared the same as others what no name can be."""
    pairs = overrides[overrides["rule"] == "same"]
    ends = pd.concat([pairs["left_id"], pairs["right_id"]])
    place, ids = pd.factorize(ends)
    left, right = np.split(place, 2)
    _, tree = span_forest(pd.DataFrame({"left": left, "right": right}), len(ids))
    return pd.Series([f"same {root}" for root in tree], index=ids, dtype="str")


def _group(holder: Places, held: Places, size: int) -> Places:
    """Return for each of *size* holders the lowest one that it is linked to."""
    order = np.lexsort((holder, held))
    holder, is_first = holder[order], begins(held[order])
    hub = holder[is_first][np.cumsum(is_first) - 1]
    _, tree = span_forest(pd.DataFrame({"left": hub, "right": holder}), size)
    return tree
