"""What a person is expected to buy, by plain integrals over the models' own story.

Nothing of the published formulas is used.  A person has a rate and a probability to
leave after an order; what is known of the person says how likely each pair is.  Over
the rate the integral is that of a gamma distribution; over the probability it is added
up here, step by step.  So is the mean of a person's orders over its scale.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

HORIZON, CHANCE_DAYS = 365, 90


@dataclass(frozen=True)
class Known:
    """What is known of a person: order days after the first, and days between."""

    repeats: int
    recency: int
    age: int
    valued: int
    cents: int


@cache
def steps() -> tuple[tuple[float, float, float], ...]:
    """Numbers between 0 and 1, what is left to 1, and how wide the step is.

    They crowd at both ends, where a beta distribution may go to infinity.
    """
    found = []
    for n in range(-160, 161):
        moment = n / 40
        stretched = math.pi / 2 * math.sinh(moment)
        low, high = (1 / (1 + math.exp(2 * each)) for each in (-stretched, stretched))
        width = math.pi / 4 * math.cosh(moment) / math.cosh(stretched) ** 2 / 40
        found.append((low, high, width))
    return tuple(found)


def integrate(
    a: float, b: float, of: Callable[[float], float] = lambda _: 1.0
) -> float:
    """Integrate p^(a-1) (1-p)^(b-1) of(p) over p from 0 to 1."""
    return math.fsum(
        p ** (a - 1) * rest ** (b - 1) * of(p) * width for p, rest, width in steps()
    )


class Person:
    """One person under a model of orders."""

    def __init__(
        self, known: Known, parameters: Mapping[str, float], may_leave_at_once: bool
    ) -> None:
        self.known, self.by = known, parameters
        self.shape = parameters["r"] + known.repeats
        stayed = known.repeats + may_leave_at_once
        a, b = parameters["a"], parameters["b"]
        self.here = (a, b + stayed)
        weight = self._rate(known.age) * integrate(*self.here)
        gone = 0.0
        if stayed:
            gone = self._rate(known.recency) * integrate(a + 1, b + stayed - 1)
        self.all = weight + gone
        self.alive = weight / self.all

    def _rate(self, days: float) -> float:
        """How likely the order days are without another one up to *days*."""
        first = (self.by["alpha"] + self.known.age) / (self.by["alpha"] + days)
        return first**self.shape

    def chance(self, days: float) -> float:
        """The probability of an order within so many days."""
        return self.alive * self.chance_if_here(days)

    def chance_if_here(self, days: float) -> float:
        since = self.by["alpha"] + self.known.age
        return 1 - (since / (since + days)) ** self.shape

    def orders(self, days: float) -> float:
        """Orders within so many days: with each, the person may leave."""
        since = self.by["alpha"] + self.known.age

        def of(p: float) -> float:
            return (1 - (since / (since + p * days)) ** self.shape) / p

        return integrate(*self.here, of) / self.all

    def wait(self, chance: float) -> int | None:
        """After how many whole days an order is that likely, if it is within a year."""
        if self.chance(HORIZON) < 0.5:
            return None
        days = 1
        while self.chance_if_here(days) < chance:
            days += 1
        return days


def mean_value(known: Known, parameters: Mapping[str, float]) -> float:
    """The mean value of a person's orders, in units of the currency."""
    p = parameters["p"]
    shape = p * known.valued + parameters["q"]
    rate = parameters["gamma"] + known.cents / 100
    mode = shape / rate

    def density() -> Iterator[tuple[float, float]]:
        for n in range(-600, 601):
            scale = mode * math.exp(n / 50)
            log = shape * (math.log(scale) - math.log(mode)) - rate * (scale - mode)
            yield scale, math.exp(log)

    pairs = list(density())
    return math.fsum(p / scale * w for scale, w in pairs) / math.fsum(
        w for _, w in pairs
    )
