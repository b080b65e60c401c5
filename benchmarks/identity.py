"""Time how records become people, against a plain pandas way, on invented records.

Run ``python benchmarks/identity.py --records 10000 300000 1000000``.  Three in ten
records are a second, third or fourth one of somebody, by e-mail or by phone in turn
so that they make chains; some are deleted, some have a placeholder e-mail or a
number that a whole firm shares, and one name in five is not the person's.

The peer is label propagation: every record takes the lowest label among those that
share a key with it, by ``groupby().min()``, until nothing changes.  It finds the
same components (that is checked) but tells no evidence and knows no overrides.

Each measure has a process of its own, so that its peak memory is its own.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics_pipeline.domain.identity import resolve_identities
from analytics_pipeline.domain.identity_forest import link_records
from analytics_pipeline.domain.identity_overrides import no_overrides
from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.domain.suspicious_people import judge_people

Numbers = npt.NDArray[np.int64]

FEWEST = 100
"""Records below which a share of them may be none."""

LAYERS = (0.70, 0.20, 0.07, 0.03)
"""Shares of all records: the first one of somebody, the second, and so on."""

FIRMS, FIRM_SIZE = 20, 50
NOBODY = -1
MEGABYTE = 1 << 20


def invent_customers(count: int, seed: int = 7) -> pd.DataFrame:
    """Return ``Customers`` of *count* invented records, sorted by id."""
    rng = np.random.default_rng(seed)
    holder, email, phone, mobile = _invent_keys(count, rng)
    misspelt = np.where(rng.random(count) < 0.2, rng.integers(0, count, count), holder)
    firsts = ["Ada", "Bob", "Cleo", "Édith", "Frank"]
    names = [f"{firsts[n % 5]} Person{n:x}" for n in misspelt.tolist()]
    is_placeholder = (email == NOBODY) & (rng.random(count) < 0.2)
    typed = _texts(email, "guest{}@example.com")
    days = pd.to_timedelta(rng.integers(0, 2000, count), unit="D")
    created = (pd.Timestamp("2020-01-01", tz="UTC") + days).as_unit("us")
    ids = [rng.bytes(16).hex() for _ in range(count)]
    table = pd.DataFrame(
        {
            "customer_id": pd.Series(ids, dtype="str"),
            "version": np.arange(1, count + 1),
            "customer_code": pd.Series([None] * count, dtype="str"),
            "name": pd.Series(names, dtype="str"),
            "email": typed.where(~is_placeholder, "noemail@example.com"),
            "phone": _texts(phone, "+1{:010}"),
            "created_at": created,
            "updated_at": created,
            "is_deleted": rng.random(count) < 0.04,
            "is_walk_in": np.arange(count) == count // 2,
            "email_key": _texts(email, "e{:031x}"),
            "phone_key": _texts(phone, "a{:031x}"),
            "mobile_key": _texts(mobile, "a{:031x}"),
        }
    )
    return table.sort_values("customer_id", ignore_index=True)


def _invent_keys(
    count: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return whose each record is, and the numbers of its e-mail and two phones."""
    email, phone, mobile = (
        np.where(rng.random(count) < share, np.arange(count) + offset, NOBODY)
        for share, offset in ((0.8, 0), (0.7, count), (0.2, 2 * count))
    )
    holder = np.arange(count)
    bounds = (np.cumsum((0, *LAYERS)) * count).astype("int64")
    for layer in range(1, len(LAYERS)):
        later = np.arange(bounds[layer], bounds[layer + 1])
        known = rng.integers(bounds[layer - 1], bounds[layer], len(later))
        holder[later] = holder[known]
        if layer % 2:
            email[later] = email[known]
        else:
            mobile[later] = phone[known]
    staff = rng.integers(0, count, (FIRMS, FIRM_SIZE))
    for firm, members in enumerate(staff):
        phone[members] = 3 * count + firm
    return holder, email, phone, mobile


def _texts(numbers: Numbers, pattern: str) -> pd.Series:
    texts = [pattern.format(n) if n != NOBODY else None for n in numbers.tolist()]
    return pd.Series(texts, dtype="str")


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


def _people(customers: pd.DataFrame) -> pd.DataFrame:
    return customers[~customers["is_walk_in"]].reset_index(drop=True)


def _link(customers: pd.DataFrame) -> Numbers:
    return link_records(customers, no_overrides(), Policy()).tree


def _resolve(customers: pd.DataFrame) -> Numbers:
    found = resolve_identities(customers, _orders(), no_overrides(), Policy())
    return found["person_id"].to_numpy()


def _resolve_and_judge(customers: pd.DataFrame) -> Numbers:
    found = resolve_identities(customers, _orders(), no_overrides(), Policy())
    judge_people(found, customers, no_overrides(), Policy().suspicious_size)
    return found["person_id"].to_numpy()


PEER = "pandas label propagation (peer)"
MEASURES: dict[str, Callable[[pd.DataFrame], Numbers]] = {
    PEER: propagate_labels,
    "link_records": _link,
    "resolve_identities": _resolve,
    "… and judge_people": _resolve_and_judge,
}


@dataclass(frozen=True)
class Cost:
    """What one measure took: the best of its rounds, and the most memory of all.

    Attributes:
        seconds: as a clock on the wall tells.
        work: seconds of the processors, which a busy machine does not lengthen.
        peak: MB that the process held at most, records and libraries included.
        growth: MB by which that exceeds the peak of reading the records.
        people: a fingerprint of who is one person with whom.
    """

    seconds: float
    work: float
    peak: float
    growth: float
    people: int


def measure(name: str, path: str, rounds: int) -> Cost:
    """Run the measure called *name* on the records of the file at *path*."""
    customers = _people(pd.read_parquet(path))
    before = _peak()
    seconds, work = [], []
    for _ in range(rounds):
        began, worked = perf_counter(), process_time()
        found = MEASURES[name](customers)
        seconds.append(perf_counter() - began)
        work.append(process_time() - worked)
    peak = _peak()
    first_seen = pd.Series(pd.factorize(found)[0])
    people = int(pd.util.hash_pandas_object(first_seen).sum())
    return Cost(min(seconds), min(work), peak, peak - before, people)


def _peak() -> float:
    """Return the most memory that this process ever held, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


def run(count: int, rounds: int, folder: Path) -> None:
    """Print one block of the table."""
    path = folder / f"{count}.parquet"
    invent_customers(count).to_parquet(path, index=False)
    context = multiprocessing.get_context("spawn")
    costs: dict[str, Cost] = {}
    for name in MEASURES:
        with context.Pool(1) as pool:
            cost = pool.apply(measure, (name, str(path), rounds))
        costs[name] = cost
        faster = costs[PEER].work / cost.work
        print(
            f"{count:>9,}  {name:<31}{cost.seconds:>8.2f}{cost.work:>8.2f}"
            f"{faster:>7.1f}x{cost.peak:>9.0f}{cost.growth:>8.0f}"
        )
    if costs["link_records"].people != costs[PEER].people:
        raise SystemExit("The two ways do not find the same people.")


def main() -> None:
    """Print a table: seconds, how many times less CPU than the peer, memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--records", type=int, nargs="+", default=[10_000, 300_000, 1_000_000]
    )
    parser.add_argument("--rounds", type=int, default=3, help="the best one is shown")
    chosen = parser.parse_args()
    print(
        f"{'records':>9}  {'':<31}{'seconds':>8}{'of CPU':>8}{'faster':>8}"
        f"{'peak MB':>9}{'grown':>8}"
    )
    if min(chosen.records) < FEWEST:
        parser.error(f"--records must be {FEWEST} at least")
    with tempfile.TemporaryDirectory() as folder:
        for count in chosen.records:
            run(count, chosen.rounds, Path(folder))


if __name__ == "__main__":
    main()
