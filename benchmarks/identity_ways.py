"""How records become people: the product's steps, and the plain pandas way.

The peer is label propagation: every record takes the lowest label among those that
share a key with it, by ``groupby().min()``, until nothing changes.  It finds the
same components (that is checked) but tells no evidence and knows no overrides.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics_pipeline.domain.identity import (
    link_records,
    no_overrides,
    resolve_identities,
)
from analytics_pipeline.domain.people import judge_people
from analytics_pipeline.model.policy import Policy
from benchmarks.invented_customers import invent_customers
from benchmarks.worker import Outcome, Stopwatch

Numbers = npt.NDArray[np.int64]

FILE = "customers.parquet"


def write_records(_stopwatch: Stopwatch, folder: str, count: int) -> None:
    """Invent *count* records; the walk-in is left out, who is nobody."""
    customers = invent_customers(count)
    people = customers[~customers["is_walk_in"]]
    people.to_parquet(Path(folder) / FILE, index=False)


def measure(stopwatch: Stopwatch, folder: str, way: str) -> Outcome:
    """Find the people of the records in *folder*.

    The fingerprint tells who is one person with whom; a person of deleted records
    only has no id, so the product's tables are not compared with the peer's labels.
    """
    customers = pd.read_parquet(Path(folder) / FILE)
    with stopwatch.running():
        found = WAYS[way](customers)
    if way in COMPARED:
        first_seen = pd.Series(pd.factorize(found)[0])
        digest = int(pd.util.hash_pandas_object(first_seen).sum())
        return Outcome(str(digest), {"people": int(first_seen.max()) + 1})
    return Outcome()


def propagate_labels(customers: pd.DataFrame) -> Numbers:
    """Return the lowest record of each component, the plain pandas way."""
    live = ~customers["is_deleted"]
    columns = {"email_key": "email", "phone_key": "phone", "mobile_key": "phone"}
    held = pd.concat(
        pd.DataFrame({"key": f"{kind}:" + customers[column], "live": live})
        for column, kind in columns.items()
    )
    held = held.dropna().rename_axis("record").reset_index().drop_duplicates()
    held = held[held.groupby("key")["live"].transform("sum") <= Policy().max_shared]
    label = pd.Series(customers.index, index=customers.index)
    while True:
        lowest = held["record"].map(label).groupby(held["key"]).transform("min")
        reached = lowest.groupby(held["record"]).min()
        new = label.copy()
        new[reached.index] = reached
        if new.equals(label):
            return label.to_numpy()
        label = new


def _orders() -> pd.DataFrame:
    names = ["ecom_customer_id", "email_key"]
    return pd.DataFrame({name: pd.Series(dtype="str") for name in names})


def _link(customers: pd.DataFrame) -> Numbers:
    return link_records(customers, no_overrides(), Policy()).tree


def _resolve(customers: pd.DataFrame) -> Numbers:
    found = resolve_identities(customers, _orders(), no_overrides(), Policy())
    return found["person_id"].to_numpy()


def _resolve_and_judge(customers: pd.DataFrame) -> Numbers:
    found = resolve_identities(customers, _orders(), no_overrides(), Policy())
    judge_people(found, customers, no_overrides(), Policy().suspicious_size)
    return found["person_id"].to_numpy()


COMPARED = {"labels", "link"}
WAYS: dict[str, Callable[[pd.DataFrame], Numbers]] = {
    "labels": propagate_labels,
    "link": _link,
    "resolve": _resolve,
    "judge": _resolve_and_judge,
}
