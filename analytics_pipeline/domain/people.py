"""People: how each is shown, and who may be several (rules 3.5 to 3.8)."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics_pipeline.domain.identity import Places, begins, span_forest
from analytics_pipeline.domain.order_numbers import rank_order
from analytics_pipeline.model.checks import CheckResult, OwnersList, Severity, name_some
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.policy import AnomalyLimits
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import RecordKind

# ----------------------------------------------------------------------------------
# How a person is shown: code, name and contact (rules 3.5, 8.1).


COLUMNS = [
    "customer_id",
    "customer_code",
    "name",
    "email",
    "phone",
    "duplicate_ids",
    "note",
]


def describe_people(
    customer_identities: pd.DataFrame,
    customers: pd.DataFrame,
    ecom_orders: pd.DataFrame,
) -> pd.DataFrame:
    """Return one row a person: who it is, how to reach it, what was merged into it.

    Columns: ``customer_id, customer_code, name, email, phone, duplicate_ids, note``;
    a person's own record speaks first, then the live ones by latest update.
    """
    live = customer_identities[customer_identities["is_live"]]
    shown = (
        _describe_customers(live, customers),
        _describe_web_people(live, ecom_orders),
    )
    people = [frame.reindex(columns=COLUMNS).astype("str") for frame in shown]
    return pd.concat(people, ignore_index=True)


def _describe_customers(live: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Return the people who have a customer record (rule 3.5)."""
    members = live[live["record_kind"] == RecordKind.CUSTOMER].merge(
        customers, left_on="record_id", right_on="customer_id", validate="1:1"
    )
    members = members.assign(
        email=members["email"].mask(members["has_placeholder_email"]),
        is_own=members["record_id"] == members["person_id"],
    ).sort_values(
        ["person_id", "is_own", "updated_at", "record_id"],
        ascending=[True, False, False, True],
        na_position="last",
    )
    filled = members.groupby("person_id", sort=True)[["name", "email", "phone"]].first()
    own = members[members["is_own"]].set_index("person_id")["customer_code"]
    people = filled.assign(customer_code=own).join(_list_duplicates(members))
    return people.reset_index(names="customer_id")


def _list_duplicates(members: pd.DataFrame) -> pd.DataFrame:
    """Return the other live records of each person that has any (rule 8.1)."""
    others = members[~members["is_own"]].sort_values("record_id")
    records: dict[str, list[str]] = {}
    for person, record in zip(others["person_id"], others["record_id"], strict=True):
        records.setdefault(person, []).append(record)
    return pd.DataFrame(
        {
            "duplicate_ids": [";".join(own) for own in records.values()],
            "note": [
                f"Merged {len(own)} duplicate records" for own in records.values()
            ],
        },
        index=list(records),
        dtype="str",
    )


def _describe_web_people(live: pd.DataFrame, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return the people who are known from the web shop alone (rule 3.7)."""
    own = live[
        (live["record_kind"] == RecordKind.ECOM)
        & (live["record_id"] == live["person_id"])
    ]
    orders = ecom_orders[is_among(ecom_orders["ecom_customer_id"], own["person_id"])]
    in_turn = orders.take(
        sorted(
            range(len(orders)),
            key=[rank_order(number) for number in orders["order_number"]].__getitem__,
        )
    )
    latest = in_turn.sort_values("ordered_at", kind="stable").drop_duplicates(
        "ecom_customer_id", keep="last"
    )
    return latest.assign(customer_id=latest["ecom_customer_id"])[
        ["customer_id", "name", "email"]
    ]


# ----------------------------------------------------------------------------------
# Names: which words of one can be compared with those of another.


PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe"}
)
"""Letters that to Unicode are no accented ones, as people write them without."""

INSIDE_A_WORD = "'’‘`´ʼ"
NO_WORD = re.compile(r"[^\w\n]+|_+")


def split_names(names: Iterable[str]) -> list[list[str]]:
    """Return the words of each of *names*, without case and accents.

    An initial is left out if there is a whole word: it could be anybody's.  A single
    character of a script without capitals is a whole word.
    """
    # All of them as one text: very many names take a fraction of the time.
    lines = _plain("\n".join(" ".join(name.split()) for name in names)).split("\n")
    return [_whole_words(line.split()) for line in lines]


def _plain(text: str) -> str:
    """Return *text* in words of plain small letters with blanks between them."""
    folded = text.casefold()
    for mark in INSIDE_A_WORD:
        folded = folded.replace(mark, "")
    apart = unicodedata.normalize("NFKD", folded)
    accents = "".join(each for each in set(apart) if unicodedata.combining(each))
    without = apart.translate(str.maketrans("", "", accents)).translate(PLAIN)
    return NO_WORD.sub(" ", without)


def _whole_words(words: list[str]) -> list[str]:
    return [word for word in words if len(word) > 1 or not _has_capital(word)] or words


def _has_capital(letter: str) -> bool:
    return letter.upper() != letter


# ----------------------------------------------------------------------------------
# People who may be several: too many records, or names that do not fit together.
#
# A couple with one phone number is one person by the rules; so is a family, or a
# small firm. No one is separated here: a person looks, and declares who is different.


def check_people(
    customer_identities: pd.DataFrame,
    customers: pd.DataFrame,
    overrides: pd.DataFrame,
    suspicious_size: int,
) -> CheckResult:
    """Warn of people who may be several, and say how to separate them (rule 3.4)."""
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
    return CheckResult(
        "people_look_right",
        suspicious.empty,
        "No one has too many records, or names without a common word."
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


# ----------------------------------------------------------------------------------
# A record that sells as only a walk-in customer does (rule 3.8).


CHECK = "walk_in_is_known"
ECOM_PREFIX = "ecom-"


@dataclass(frozen=True, slots=True)
class Busiest:
    """The person with the most orders.

    Attributes:
        person_id: the person.
        orders: how many the person has.
        next_orders: how many the next person has.
    """

    person_id: str
    orders: int
    next_orders: int


def find_busiest(figures: pd.DataFrame) -> Busiest | None:
    """Return who has the most orders in ``CustomerAnalytics``; None without any.

    A person known from the web shop alone has no record that a till could use.
    """
    ranked = figures.nlargest(2, "order_count")
    if ranked.empty:
        return None
    person, orders = ranked[["customer_id", "order_count"]].iloc[0]
    if not orders or str(person).startswith(ECOM_PREFIX):
        return None
    following = ranked["order_count"].iloc[1:]
    return Busiest(str(person), int(orders), int(following.sum()))


def sells_as_a_walk_in(
    orders: int, next_orders: int, all_orders: int, anomaly_limits: AnomalyLimits
) -> bool:
    """Say whether a record with so many *orders* can only be the walk-in customer.

    The next person counts for at least one order, so that the first customers of a new
    shop are left in peace.
    """
    least = anomaly_limits.walk_in_factor * max(next_orders, 1)
    return orders > least and orders > anomaly_limits.walk_in_share * all_orders


def check_walk_in(
    record_id: str | None, orders: int, next_orders: int, all_orders: int
) -> CheckResult:
    """Warn of the record that sells as a walk-in; pass if there is none."""
    return CheckResult(
        CHECK,
        record_id is None,
        "No record has so many orders as only the walk-in customer has."
        if record_id is None
        else f"Record {record_id} has {say(orders, 'order', 'orders')} of "
        f"{all_orders:,}, the next person {next_orders:,}: it sells as only a walk-in "
        f'customer does. If it is no person, set walk_in_customer_id = "{record_id}" '
        "in "
        "analytics.toml.",
        Severity.WARN,
        {
            "record": record_id or "",
            "orders": orders,
            "next_orders": next_orders,
            "all_orders": all_orders,
        },
    )
