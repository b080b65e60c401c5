"""Order days of people who do not exist, drawn from a seed.

Of two kinds: people who buy as the models of rule 11 suppose, and people who buy the
same again every year.
"""

from datetime import date, timedelta

import numpy as np
import pandas as pd

OPENED = date(2022, 1, 1)
"""The day of the first orders."""

RATE, RATE_DAYS = 0.8, 60.0
STAY, LEAVE = 0.7, 2.1
VALUE, SCALE_SHAPE, SCALE = 6.0, 4.0, 15.0


def follow_the_models(
    seed: int, people: int, days: int, *, leaves_at_once: bool = False
) -> pd.DataFrame:
    """Return order days of *people* who buy at random, and leave at random.

    BG/NBD with r .8, alpha 60 days, a .7, b 2.1, or MBG/NBD if one may leave after the
    first order; Gamma-Gamma with p 6, q 4, gamma 15.  They come on any of the *days*.
    """
    rng = np.random.default_rng(seed)
    rate = rng.gamma(RATE, 1 / RATE_DAYS, people)
    leaves = rng.beta(STAY, LEAVE, people)
    scale = rng.gamma(SCALE_SHAPE, 1 / SCALE, people)
    moment = rng.integers(0, days, people).astype(np.float64)
    here, rows = np.arange(people), []
    is_first = True
    while len(here):
        value = rng.gamma(VALUE, 1 / scale[here])
        rows.append((here, moment[here].astype(np.int64), value))
        if not is_first or leaves_at_once:
            here = here[rng.random(len(here)) >= leaves[here]]
        moment[here] += rng.exponential(1 / rate[here])
        here, is_first = here[moment[here] < days], False
    return _as_orders(*(np.concatenate(each) for each in zip(*rows, strict=True)))


def repeat_every_year(seed: int, people: int, years: int) -> pd.DataFrame:
    """Return order days of *people* who buy on the same days each year.

    They come in the first year; each has days of the year of their own, between none
    and very many, and pays the same on each.  A third of them buys in one year only.
    """
    rng = np.random.default_rng(seed)
    often = 1 + rng.negative_binomial(0.8, 0.2, people)
    stays = np.where(rng.random(people) < 1 / 3, 1, years)
    paid = rng.gamma(3.0, 12.0, people)
    buyer = np.repeat(np.arange(people), often)
    day = rng.integers(0, 365, len(buyer))
    rows = [
        (buyer[buys], day[buys] + 365 * year)
        for year in range(years)
        for buys in [stays[buyer] > year]
    ]
    person, day = (np.concatenate(each) for each in zip(*rows, strict=True))
    return _as_orders(person, day, paid[person])


def _as_orders(person, day, value):
    return pd.DataFrame(
        {
            "person_id": [f"person-{n:06}" for n in person.tolist()],
            "day": pd.Timestamp(OPENED) + pd.to_timedelta(day, unit="D"),
            "value_cents": np.rint(np.asarray(value) * 100).astype(np.int64),
        }
    )


def end_of(days: int) -> date:
    """Return the last of so many days."""
    return OPENED + timedelta(days=days - 1)
