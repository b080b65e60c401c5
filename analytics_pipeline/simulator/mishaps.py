"""Mishaps: what a shop meets rarely, such as a till with a wrong clock.

A store has them only if its :class:`Trade` says so, so the histories of all other
stores stay as they are.  The seed decides when each happens.
"""

from datetime import datetime

from analytics_pipeline.simulator import mishaps_money
from analytics_pipeline.simulator.rare_cases import Case
from analytics_pipeline.simulator.shop import Shop

DAYS_BETWEEN = 3
"""On average a day in so many has a mishap."""

MISHAPS: tuple[Case, ...] = (
    mishaps_money.run_years_ahead,
    mishaps_money.sell_to_an_erased_customer,
    mishaps_money.sell_over_the_counter,
    mishaps_money.pay_rounded_cash,
)


def meet_a_mishap(shop: Shop, moment: datetime) -> None:
    """Let one mishap happen, drawn by the seed."""
    if MISHAPS:
        shop.timeline.rng.choice(MISHAPS)(shop, moment)
