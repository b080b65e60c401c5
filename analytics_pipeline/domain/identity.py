"""Identity: which records are the same person, and by which evidence (rule 3).

Records are nodes, shared contact keys and overrides are edges; a person is a tree of
the forest that the edges build, strongest first.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics_pipeline.domain.contacts import find_placeholder_emails
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.ids import is_among, typed_id
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.table import frame_types
from analytics_pipeline.model.vocabulary import RecordKind

# ----------------------------------------------------------------------------------
# What people declare about identity: these two records are, or are not, one person.
#
# The caller reads ``identity_overrides.csv``; here it is checked.


OVERRIDE_COLUMNS = ["left_id", "right_id", "rule", "reason"]
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
    return pd.DataFrame(columns=OVERRIDE_COLUMNS, dtype="str")


def plain_overrides(overrides: pd.DataFrame) -> list[list[str]]:
    """Return the two ids and the rule of each line of *overrides*, without reasons.

    Raises:
        WrongUse: a column is missing.
    """
    _refuse_missing_columns(overrides)
    typed = overrides[OVERRIDE_COLUMNS[:3]].astype("str").fillna("")
    return [[cell.strip() for cell in row] for row in typed.to_numpy().tolist()]


def check_overrides(
    overrides: pd.DataFrame, known_ids: Collection[str]
) -> pd.DataFrame:
    """Return *overrides* trimmed, its four columns only (rule 3.4).

    Args:
        overrides: the file's rows as text, in its order; a blank cell may be missing.
        known_ids: every customer record that may be joined: not the walk-in.

    Raises:
        WrongUse: a column is missing or a line cannot be used; the message names the
            line, never its content, which may be personal.
    """
    _refuse_missing_columns(overrides)
    typed = overrides[OVERRIDE_COLUMNS].astype("str").fillna("").reset_index(drop=True)
    checked = typed.assign(
        **{each: typed[each].str.strip() for each in OVERRIDE_COLUMNS}
    )
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


def _refuse_missing_columns(overrides: pd.DataFrame) -> None:
    missing = [column for column in OVERRIDE_COLUMNS if column not in overrides.columns]
    if missing:
        raise WrongUse(
            f"identity_overrides.csv has no column {', '.join(missing)}.",
            f"Its first line must be: {','.join(OVERRIDE_COLUMNS)}",
        )


def _refuse_lines(is_wrong: "pd.Series[bool]", fault: str, remedy: str) -> None:
    """Raise for the first wrong line, counted as an editor counts."""
    if is_wrong.any():
        line = int(is_wrong.to_numpy().argmax()) + HEADER_LINES + 1
        raise WrongUse(f"identity_overrides.csv, line {line}: {fault}.", remedy)


# ----------------------------------------------------------------------------------
# The spanning forest of very many edges, in a few passes over whole arrays.
#
# Taking edges one by one in a fixed order makes the minimum spanning forest, each
# edge weighing its place in that order. Borůvka's way finds the same one: in every
# round each tree takes the first edge that leads out of it, so that at least half of
# the trees that still have one are gone.


Places = npt.NDArray[np.int64]
"""Positions in a table: of records, or of edges."""


def span_forest(edges: pd.DataFrame, size: int) -> tuple[pd.DataFrame, Places]:
    """Return the *edges* that join two trees, and the lowest record of every tree.

    Args:
        edges: ``left`` and ``right``, each once, in the order in which they are
            taken.
        size: how many records there are.
    """
    left, right = (edges[end].to_numpy("int64") for end in ("left", "right"))
    is_taken = np.zeros(len(edges), dtype="bool")
    tree = np.arange(size)
    first = np.full(size, len(edges))
    remaining = np.arange(len(edges))
    while True:
        one, two = tree[left[remaining]], tree[right[remaining]]
        is_open = one != two
        remaining, one, two = remaining[is_open], one[is_open], two[is_open]
        if not len(remaining):
            return edges[is_taken], _lowest(tree)
        for end in (one, two):
            np.minimum.at(first, end, remaining)
        roots = np.flatnonzero(first < len(edges))
        chosen = first[roots]
        is_taken[chosen] = True
        other = tree[left[chosen]] + tree[right[chosen]] - roots
        tree = _hung(roots, other, size)[tree]
        first[roots] = len(edges)


def sort_once(numbers: Places) -> Places:
    """Return *numbers* sorted, each once: several times as fast as ``np.unique``."""
    ordered = np.sort(numbers)
    return ordered[begins(ordered)]


def begins(ordered: Places) -> npt.NDArray[np.bool_]:
    """Say where a number first occurs in *ordered*."""
    is_new = np.ones(len(ordered), dtype="bool")
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    return is_new


def _hung(roots: Places, other: Places, size: int) -> Places:
    """Hang each of *roots* on its *other*; return the root that each then has.

    The only circles are of two that chose each other: the lower one stays a root.
    """
    parent = np.arange(size)
    parent[roots] = other
    lower = roots[(parent[other] == roots) & (roots < other)]
    parent[lower] = lower
    while True:
        above = parent[parent[roots]]
        if np.array_equal(above, parent[roots]):
            return parent
        parent[roots] = above


def _lowest(tree: Places) -> Places:
    """Name each tree by its lowest record."""
    lowest = np.arange(len(tree))
    np.minimum.at(lowest, tree, np.arange(len(tree)))
    return lowest[tree]


# ----------------------------------------------------------------------------------
# Edges between customer records: who holds which contact key, and what people forced.
#
# Records are named by their place in a table sorted by id, so that comparing two
# numbers compares the two ids. Whether an edge joins two people is for
# ``domain.identity_forest``.


Edge = tuple[int, int, int]
"""Kind, then the two records, the one with the lower id first."""

EDGE_COLUMNS = ["kind", "left", "right"]


class EdgeKind(IntEnum):
    """Why two records are one person, in the order in which edges are taken."""

    FORCED = 0
    EMAIL = 1
    PHONE = 2

    @property
    def word(self) -> str:
        """How evidence names it."""
        return self.name.lower()


KEY_COLUMNS = {
    EdgeKind.EMAIL: ["email_key"],
    EdgeKind.PHONE: ["phone_key", "mobile_key"],
}
"""Where a record gives its keys; those of one kind can be the same."""


def list_holders(records: pd.DataFrame, max_shared: int) -> pd.DataFrame:
    """Return who holds which key that several hold: kind, group, record, is_shared.

    A group is the holders of one key; rows are sorted by kind, group and record.  A
    key is shared if more live records than *max_shared* hold it (rule 3.3); a record
    that gives one number as phone and as mobile holds it once.
    """
    is_live = ~records["is_deleted"].to_numpy()
    return pd.concat(
        [
            _holders_of(records[columns], is_live, max_shared).assign(kind=int(kind))
            for kind, columns in KEY_COLUMNS.items()
        ],
        ignore_index=True,
    )


def _holders_of(
    keys: pd.DataFrame, is_live: npt.NDArray[np.bool_], max_shared: int
) -> pd.DataFrame:
    """Return the holders of the keys of one kind."""
    size, width = keys.shape
    every = pd.concat([keys[column] for column in keys], ignore_index=True)
    group, texts = pd.factorize(every.mask(every == ""))
    # Most keys have one holder and join no one: they are dropped before all else.
    enough = np.bincount(group + 1, minlength=len(texts) + 1) > min(max_shared, 1)
    enough[0] = False
    record = np.tile(np.arange(size), width)
    held = enough[group + 1]
    group, record = np.divmod(sort_once(group[held] * size + record[held]), size)
    live_holders = np.bincount(group, weights=is_live[record], minlength=len(texts))
    return pd.DataFrame(
        {
            "group": group,
            "record": record,
            "is_shared": (live_holders > max_shared)[group],
        }
    )


def star_edges(holders: pd.DataFrame) -> pd.DataFrame:
    """Return edges from the lowest record of each key to its other holders.

    They span the same forest as all pairs do, because in the fixed order of edges
    those of the lowest record come before any between two others.
    """
    hub = holders.groupby(["kind", "group"], sort=False)["record"].transform("first")
    edges = pd.DataFrame(
        {"kind": holders["kind"], "left": hub, "right": holders["record"]}
    )
    return in_fixed_order(edges[edges["left"] != edges["right"]])


def all_pairs(holders: pd.DataFrame) -> Iterator[Edge]:
    """Yield an edge for every two holders of a key, in the fixed order.

    One at a time, because a key of many deleted records has very many pairs.
    """
    for kind, held in holders.groupby("kind", sort=True):
        members: dict[int, list[int]] = defaultdict(list)
        groups: dict[int, list[int]] = defaultdict(list)
        for record, group in zip(held["record"], held["group"], strict=True):
            members[group].append(record)
            groups[record].append(group)
        for left in sorted(groups):
            others = {other for group in groups[left] for other in members[group]}
            for right in sorted(other for other in others if other > left):
                yield int(str(kind)), left, right


def override_edges(overrides: pd.DataFrame, rule: str, ids: pd.Series) -> pd.DataFrame:
    """Return the pairs that people declared by *rule*, as forced edges.

    A pair with the walk-in has no edge (rule 3.1).
    """
    pairs = overrides[overrides["rule"] == rule]
    named = np.flatnonzero(ids.isin([*pairs["left_id"], *pairs["right_id"]]))
    place = pd.Series(named, index=ids.take(named).to_numpy())
    ends = pd.DataFrame(
        {"one": pairs["left_id"].map(place), "two": pairs["right_id"].map(place)}
    )
    ends = ends.dropna().astype("int64")
    edges = pd.DataFrame(
        {
            "kind": int(EdgeKind.FORCED),
            "left": ends.min(axis="columns"),
            "right": ends.max(axis="columns"),
        }
    )
    return in_fixed_order(edges[edges["left"] != edges["right"]])


def in_fixed_order(edges: pd.DataFrame) -> pd.DataFrame:
    """Return each edge once: forced, e-mail, phone, then by the ids (rule 3.4)."""
    # One number for each edge sorts in a tenth of the time of three columns.
    kind, left, right = (edges[end].to_numpy("int64") for end in EDGE_COLUMNS)
    size = int(right.max(initial=0)) + 1
    both, right = np.divmod(sort_once((kind * size + left) * size + right), size)
    kind, left = np.divmod(both, size)
    return pd.DataFrame({"kind": kind, "left": left, "right": right})


# ----------------------------------------------------------------------------------
# The forest of people: edges taken one by one, each joining two trees or none.
#
# Knows nothing of contacts; ``domain.identity_edges`` says which edges there are, and
# ``domain.identity_spanning`` takes them all at once where no one is kept apart.


@dataclass(frozen=True)
class Links:
    """Which records are one person, and why.

    Attributes:
        holders: who holds which contact key, of the keys that several hold.
        tree: for each record, the lowest record of its person.
        joined: the edges that joined them, one fewer than records in each person.
        left_out: the edges that would have joined what was declared different.
    """

    holders: pd.DataFrame
    tree: Places
    joined: pd.DataFrame
    left_out: pd.DataFrame


class Forest:
    """Trees of records that grow together, save those declared different."""

    def __init__(self, size: int, forbidden: Iterable[tuple[int, int]] = ()) -> None:
        """Start with every record a tree of its own."""
        self._parent = list(range(size))
        self._apart: dict[int, set[int]] = defaultdict(set)
        for left, right in forbidden:
            self._apart[left].add(right)
            self._apart[right].add(left)

    def root(self, record: int) -> int:
        """Return the lowest record of the tree, halving the path to it."""
        parent = self._parent
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    def grow(self, edges: Iterable[Edge]) -> tuple[list[Edge], list[Edge]]:
        """Take *edges* in order; return those that joined and those left out."""
        joined: list[Edge] = []
        left_out: list[Edge] = []
        for edge in edges:
            low, high = sorted((self.root(edge[1]), self.root(edge[2])))
            if low == high:
                continue
            if self._are_apart(low, high):
                left_out.append(edge)
                continue
            joined.append(edge)
            self._parent[high] = low
            if high in self._apart:
                self._apart[low] |= self._apart.pop(high)
        return joined, left_out

    def _are_apart(self, one: int, two: int) -> bool:
        if one not in self._apart or two not in self._apart:
            return False
        fewer, other = sorted((one, two), key=lambda root: len(self._apart[root]))
        return any(self.root(enemy) == other for enemy in self._apart[fewer])


def link_records(
    records: pd.DataFrame, overrides: pd.DataFrame, policy: Policy
) -> Links:
    """Join *records*, sorted by id and without the walk-in (rule 3.4).

    Stars of edges suffice where no one is declared different.  Only the people that
    would hold both ends of such a pair are joined again, by all pairs, because there
    an edge that is left out makes another one matter.
    """
    holders = list_holders(records, policy.max_shared)
    linking = holders[~holders["is_shared"]]
    forced = override_edges(overrides, "same", records["customer_id"])
    different = override_edges(overrides, "different", records["customer_id"])
    edges = pd.concat([forced, star_edges(linking)], ignore_index=True)
    joined, tree = span_forest(edges, len(records))

    left, right = (different[end].to_numpy() for end in ("left", "right"))
    is_tangled = np.isin(tree, tree[left][tree[left] == tree[right]])
    strict = Forest(len(records) if is_tangled.any() else 0, _pairs(different))
    again, left_out = strict.grow(
        chain(
            _edges(forced[is_tangled[forced["left"].to_numpy()]]),
            all_pairs(linking[is_tangled[linking["record"].to_numpy()]]),
        )
    )
    tree[is_tangled] = list(map(strict.root, np.flatnonzero(is_tangled).tolist()))
    joined = joined[~is_tangled[joined["left"].to_numpy()]]
    joined = pd.concat([joined, _table(again)], ignore_index=True)
    return Links(holders, tree, joined, _table(left_out))


def _edges(table: pd.DataFrame) -> Iterable[Edge]:
    columns = (table[column].tolist() for column in EDGE_COLUMNS)
    return zip(*columns, strict=True)


def _pairs(table: pd.DataFrame) -> Iterable[tuple[int, int]]:
    return zip(table["left"].tolist(), table["right"].tolist(), strict=True)


def _table(edges: list[Edge]) -> pd.DataFrame:
    return pd.DataFrame(edges, columns=EDGE_COLUMNS, dtype="int64")


# ----------------------------------------------------------------------------------
# Evidence: by which edge each record joined its person (rule 3.6).


WORDS = np.array([f"{kind.word}:" for kind in EdgeKind], dtype="object")


def trace_evidence(joined: pd.DataFrame, head: Places, ids: pd.Series) -> pd.Series:
    """Say for each record but the person's own how it joined: ``kind:other id``.

    The edges of a person make a tree.  Walked from the person's own record, each
    other one is reached by one edge, so that every edge is named once.

    Args:
        joined: the edges: ``kind``, ``left`` and ``right``.
        head: for each record, the one that names its person.
        ids: the ids of the records.
    """
    steps = _walk(joined, head)
    names = ids.to_numpy("object")
    rows = np.full(len(ids), None, dtype="object")
    rows[steps["right"]] = WORDS[steps["kind"]] + names[steps["left"]]
    return pd.Series(rows, index=ids.index, dtype="str")


def _walk(joined: pd.DataFrame, head: Places) -> pd.DataFrame:
    """Turn every edge so that it leads from ``left``, reached before, to ``right``."""
    turned = joined.rename(columns={"left": "right", "right": "left"})
    both = pd.concat([joined, turned[EDGE_COLUMNS]], ignore_index=True)
    starts_at_head = both["left"].to_numpy() == head[both["left"].to_numpy()]
    first_steps: pd.DataFrame = both[starts_at_head]
    # Most records are joined to the person's own; only the others need a real walk.
    is_far = ~starts_at_head[: len(joined)] & ~starts_at_head[len(joined) :]
    later = _walk_on(joined[is_far], first_steps["right"].tolist())
    return pd.concat([first_steps, later])


def _walk_on(edges: pd.DataFrame, reached: list[int]) -> pd.DataFrame:
    """Walk *edges* from the records *reached*, each to one that was not."""
    onward: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for kind, left, right in edges[EDGE_COLUMNS].itertuples(index=False, name=None):
        onward[left].append((kind, right))
        onward[right].append((kind, left))
    steps: list[tuple[int, int, int]] = []
    waiting = deque((record, record) for record in reached if record in onward)
    while waiting:
        record, came_from = waiting.popleft()
        for kind, other in onward[record]:
            if other != came_from:
                steps.append((kind, record, other))
                waiting.append((other, record))
    return pd.DataFrame(steps, columns=EDGE_COLUMNS, dtype="int64")


# ----------------------------------------------------------------------------------
# Identity: which records are the same person, and by which evidence.
#
# The keys that records share are made in ``domain.contacts``; what people declared in
# ``identity_overrides.csv`` is checked in ``domain.identity_overrides``.


RECORD_COLUMNS = [
    "customer_id",
    "email",
    "created_at",
    "is_deleted",
    *chain.from_iterable(KEY_COLUMNS.values()),
]
"""What identity needs of ``Customers``."""


def resolve_identities(
    customers: pd.DataFrame,
    ecom_orders: pd.DataFrame,
    overrides: pd.DataFrame,
    policy: Policy,
) -> pd.DataFrame:
    """Return ``CustomerIdentities``: every record and web-shop e-mail, its person.

    Rules 3.1 to 3.7.  The walk-in has no row; a person of deleted records only has
    no id; an eCom e-mail whose key is a placeholder has no row.

    Args:
        customers: ``Customers``, deleted ones included.
        ecom_orders: ``EcomOrders``.
        overrides: as ``check_overrides`` returns them.
        policy: the shop's thresholds and placeholder patterns.
    """
    records = _records(customers)
    links = link_records(records, overrides, policy)
    members = _members(records, links, policy)
    web = _web_shoppers(ecom_orders, members)
    types = frame_types(CustomerIdentities)
    parts = [part[list(types)].astype(types) for part in (members, web)]
    return pd.concat(parts, ignore_index=True)


def find_left_out_edges(
    customers: pd.DataFrame, overrides: pd.DataFrame, policy: Policy
) -> pd.DataFrame:
    """Return the edges that a ``different`` kept from joining (rule 3.4).

    One row each: ``left_id``, ``right_id`` and ``kind`` (forced, email or phone), in
    the order in which edges are taken.
    """
    # Most shops declare no one different; then no links are needed.
    keeps_apart = (overrides["rule"] == "different").any()
    records = _records(customers if keeps_apart else customers[:0])
    edges = link_records(records, overrides, policy).left_out
    ids = records["customer_id"]
    return pd.DataFrame(
        {
            "left_id": ids.take(edges["left"].to_numpy()).to_numpy(),
            "right_id": ids.take(edges["right"].to_numpy()).to_numpy(),
            "kind": [EdgeKind(kind).word for kind in edges["kind"]],
        }
    ).astype("str")


def _records(customers: pd.DataFrame) -> pd.DataFrame:
    """Leave out the walk-in, which is no person (rule 3.1); sort the others by id."""
    people = customers.loc[~customers["is_walk_in"], RECORD_COLUMNS]
    return people.sort_values("customer_id", ignore_index=True)


def _members(records: pd.DataFrame, links: Links, policy: Policy) -> pd.DataFrame:
    """Return the rows of customer records, in the order of *records*."""
    head = _heads(records, links)
    is_live = ~records["is_deleted"]
    is_placeholder = find_placeholder_emails(records["email"], policy)
    shares_email = _shared_emails(links, len(records))
    person = records["customer_id"].take(head).set_axis(records.index)
    has_person = is_live.take(head).set_axis(records.index)
    return pd.DataFrame(
        {
            "record_id": records["customer_id"],
            "record_kind": RecordKind.CUSTOMER.value,
            "person_id": person.where(has_person),
            "is_live": is_live,
            "has_placeholder_email": is_live & (is_placeholder | shares_email),
            "evidence": trace_evidence(links.joined, head, records["customer_id"]),
            "created_at": records["created_at"],
            "email_key": records["email_key"],
            "shares_email": shares_email,
        }
    )


def _heads(records: pd.DataFrame, links: Links) -> Places:
    """Return for each record the place of the one that names its person (rule 3.5)."""
    ends = links.joined[["left", "right"]].to_numpy()
    joined = sort_once(ends.ravel())
    tree = links.tree[joined]
    order = np.lexsort(
        (
            joined,
            records["created_at"].take(joined).astype("int64"),
            records["is_deleted"].take(joined),
            tree,
        )
    )
    head = np.arange(len(records))
    is_eldest = begins(tree[order])
    head[tree[order][is_eldest]] = joined[order][is_eldest]
    return head[links.tree]


def _shared_emails(links: Links, size: int) -> npt.NDArray[np.bool_]:
    """Say which of *size* records hold an e-mail key that too many hold."""
    holders = links.holders
    sharing = holders["is_shared"] & (holders["kind"] == EdgeKind.EMAIL)
    is_shared = np.zeros(size, dtype="bool")
    is_shared[holders.loc[sharing, "record"]] = True
    return is_shared


def _web_shoppers(ecom_orders: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of web-shop e-mails, sorted by id (rules 3.7 and 4.5)."""
    emails = (
        ecom_orders[["ecom_customer_id", "email_key"]]
        .replace("", pd.NA)
        .dropna()
        .sort_values(["ecom_customer_id", "email_key"])
        .drop_duplicates("ecom_customer_id")
    )
    shared = members.loc[members["shares_email"], "email_key"]
    emails = emails[~is_among(emails["email_key"], shared)]
    owners = (
        emails[["email_key"]]
        .merge(members.dropna(subset=["person_id", "email_key"]), on="email_key")
        # Several people hold one key only if they were declared different.
        .sort_values(["created_at", "record_id"])
        .drop_duplicates("email_key")[["email_key", "record_id", "person_id"]]
    )
    found = emails.merge(owners, on="email_key", how="left", validate="m:1")
    return pd.DataFrame(
        {
            "record_id": found["ecom_customer_id"],
            "record_kind": RecordKind.ECOM.value,
            "person_id": found["person_id"].fillna(found["ecom_customer_id"]),
            "is_live": True,
            "has_placeholder_email": False,
            "evidence": f"{EdgeKind.EMAIL.word}:" + found["record_id"],
        }
    )
