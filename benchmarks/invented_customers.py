"""Customer records of people who do not exist, with every kind of duplicate.

Three in ten records are a second, third or fourth one of somebody, by e-mail or by
phone in turn so that they make chains; some are deleted, some have a placeholder
e-mail or a number that a whole firm shares, and one name in five is not the person's.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.invented_ids import draw_ids

Numbers = npt.NDArray[np.int64]

LAYERS = (0.70, 0.20, 0.07, 0.03)
"""Shares of all records: the first one of somebody, the second, and so on."""

FIRMS, FIRM_SIZE = 20, 50
NO_PEOPLE = -1


def invent_customers(count: int, seed: int = 7) -> pd.DataFrame:
    """Return ``Customers`` of *count* invented records, sorted by id."""
    rng = np.random.default_rng(seed)
    holder, email, phone, mobile = _invent_keys(count, rng)
    misspelt = np.where(rng.random(count) < 0.2, rng.integers(0, count, count), holder)
    firsts = ["Ada", "Bob", "Cleo", "Édith", "Frank"]
    names = [f"{firsts[n % 5]} Person{n:x}" for n in misspelt.tolist()]
    is_placeholder = (email == NO_PEOPLE) & (rng.random(count) < 0.2)
    typed = _texts(email, "guest{}@example.com")
    days = pd.to_timedelta(rng.integers(0, 2000, count), unit="D")
    created = (pd.Timestamp("2020-01-01", tz="UTC") + days).as_unit("us")
    table = pd.DataFrame(
        {
            "customer_id": draw_ids(rng, count).to_pandas(),
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
        np.where(rng.random(count) < share, np.arange(count) + offset, NO_PEOPLE)
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
    texts = [pattern.format(n) if n != NO_PEOPLE else None for n in numbers.tolist()]
    return pd.Series(texts, dtype="str")
