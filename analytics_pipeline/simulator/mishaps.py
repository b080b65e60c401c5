"""Mishaps: what a shop meets rarely, such as a till with a wrong clock.

A store has them only if its :class:`Trade` says so, so the histories of all other
stores stay as they are.  The seed decides when each happens.
"""

from datetime import datetime

from analytics_pipeline.simulator.mishaps_contacts import CONTACT_MISHAPS
from analytics_pipeline.simulator.mishaps_ids import ID_MISHAPS
from analytics_pipeline.simulator.mishaps_money import MONEY_MISHAPS
from analytics_pipeline.simulator.mishaps_orders import ORDER_MISHAPS
from analytics_pipeline.simulator.mishaps_texts import TEXT_MISHAPS
from analytics_pipeline.simulator.mishaps_web import WEB_MISHAPS
from analytics_pipeline.simulator.rare_cases import Case
from analytics_pipeline.simulator.shop import Shop

DAYS_BETWEEN = 3
"""On average a day in so many has a mishap."""

MISHAPS: tuple[Case, ...] = (
    *WEB_MISHAPS,
    *TEXT_MISHAPS,
    *ORDER_MISHAPS,
    *MONEY_MISHAPS,
    *CONTACT_MISHAPS,
    *ID_MISHAPS,
)


def meet_a_mishap(shop: Shop, moment: datetime) -> None:
    """Let one mishap happen, drawn by the seed."""
    shop.timeline.rng.choice(MISHAPS)(shop, moment)
