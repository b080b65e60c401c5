"""The simulated store: a seed and a clock give its whole history.

Every day is planned shortly before it begins anywhere on earth, from the state that
the store has by then, and played event by event.  Moving the clock in one step or
in many makes no difference, and a later clock only adds.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

from analytics_pipeline.simulator.catalogue import Catalogue
from analytics_pipeline.simulator.events import Action, Timeline
from analytics_pipeline.simulator.mishaps import DAYS_BETWEEN, meet_a_mishap
from analytics_pipeline.simulator.mishaps_orders import choose_order_numbers
from analytics_pipeline.simulator.people_arrivals import (
    arrivals_of_a_day,
    arrive,
    open_the_books,
)
from analytics_pipeline.simulator.people_changes import choose_buyer
from analytics_pipeline.simulator.premises import Till, found_retailer, open_premises
from analytics_pipeline.simulator.rare_cases import Case, cases_of_day
from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline.simulator.sales import draw_basket, record_sale
from analytics_pipeline.simulator.sales_later import draw_fate
from analytics_pipeline.simulator.shop import Shop
from analytics_pipeline.simulator.trading_days import Trade
from analytics_pipeline.simulator.web_buyers import draw_buyer
from analytics_pipeline.simulator.web_changes import change_web_orders
from analytics_pipeline.simulator.web_orders import draw_course, place_order

BEFORE_THE_DAY = timedelta(hours=14)
FEWEST_SALES_PER_DAY = 8.0
CUSTOMERS_PER_DAILY_SALE = 197
LATE_SHARE = 0.14
UNNAMED_SHARE = 0.03
WEB_SHARE = 0.025
REGISTER_CLOSES_ON_DAY = 20
RECENT_SALES = 50
BUSY_TILLS = (0.5, 0.8, 1.0)
OPENING_HOURS = ((9 * 60, 18 * 60), (9 * 60, 15 * 60 + 45))
LATE_HOURS = (20 * 60 + 2, 21 * 60 + 55)


class Store:
    """A small Lightspeed store whose truth is known, day by day."""

    def __init__(
        self,
        seed: int,
        *,
        customers: int = 300,
        opened_on: date,
        sales_per_day: float | None = None,
        time_zone: str = "America/New_York",
        trade: Trade | None = None,
    ) -> None:
        """Found the store; nothing happens before the clock is moved."""
        self._trade = trade = trade or Trade()
        anomaly_limits = max(FEWEST_SALES_PER_DAY, customers / CUSTOMERS_PER_DAILY_SALE)
        self._sales_per_day = anomaly_limits if sales_per_day is None else sales_per_day
        self._opened_on = opened_on
        start = _planned_at(opened_on)
        self.state = _empty_state(seed, start, time_zone, trade.currency)
        timeline = Timeline(seed, self.state)
        premises = open_premises(timeline, trade.outlets, far_outlet=trade.far_outlet)
        self._shop = Shop(
            timeline,
            premises,
            customers,
            oddities=trade.oddities,
            mishaps=trade.mishaps,
        )
        self._shop.web.user_id = timeline.new_id()
        if trade.mishaps:
            choose_order_numbers(self._shop, seed)
        if trade.web_numbers:
            self._shop.web.prefix, self._shop.web.suffix = trade.web_numbers
        self._shop.web.has_random_ids = trade.random_web_ids
        self._catalogue = Catalogue(seed, self.state)
        self._catalogue.list_goods(premises, start)
        open_the_books(self._shop, start)
        timeline.plan(start, partial(self._plan_day, opened_on))
        if trade.oddities:
            timeline.plan_in(start, REGISTER_CLOSES_ON_DAY + 1, self._close_register)

    def advance_to(self, moment: datetime) -> None:
        """Play everything up to and including *moment*, an aware time, in order."""
        if moment.tzinfo is None:
            raise ValueError("The store's clock needs a moment with a time zone.")
        if moment < self.state.now:
            raise ValueError("The store's clock never runs backwards.")
        self._shop.timeline.play_until(moment.astimezone(UTC))

    def _plan_day(self, day: date, _moment: datetime) -> None:
        """Plan what happens on *day*, and the planning of the next day."""
        timeline = self._shop.timeline
        timeline.draw_day(day)
        for _ in range(arrivals_of_a_day(self._shop)):
            minute = timeline.between(540, 1080)
            self._plan_at_home(day, minute, partial(arrive, self._shop))
        number = self._number_of(day)
        is_open = self._trade.is_open(day, self.state.retailer.country)
        expected = self._sales_per_day * self._trade.busyness(day, number)
        if is_open:
            for _ in range(round(expected * timeline.between(0.75, 1.25))):
                self._plan_sale(day)
        online = expected * WEB_SHARE
        for _ in range(int(online) + timeline.chance(online % 1)):
            self._plan_at_home(day, timeline.between(1, 1438), self._order_online)
        if self._trade.oddities:
            self._plan_clock_change(day)
        if is_open:
            self._plan_cases(day)
        self._plan_at_home(day, 420, partial(self._catalogue.change, day))
        tomorrow = day + timedelta(days=1)
        timeline.plan(_planned_at(tomorrow), partial(self._plan_day, tomorrow))

    def _plan_sale(self, day: date) -> None:
        timeline = self._shop.timeline
        drawn = timeline.rng.random()
        rank = next(i for i, share in enumerate(BUSY_TILLS) if drawn <= share)
        till = self._shop.premises.tills[rank]
        is_early = self._number_of(day) < REGISTER_CLOSES_ON_DAY
        if rank == 1 and is_early and self._trade.oddities:
            till = self._shop.premises.closing_till
        late = rank < 2 and timeline.chance(LATE_SHARE)
        minute = timeline.between(*(LATE_HOURS if late else OPENING_HOURS[rank == 2]))
        moment = _local(day, minute, till.time_zone)
        timeline.plan(moment, partial(self._sell, till))

    def _plan_at_home(self, day: date, minute: float, action: Action) -> None:
        moment = _local(day, minute, self.state.retailer.time_zone)
        self._shop.timeline.plan(moment, action)

    def _plan_cases(self, day: date) -> None:
        for case in cases_of_day(self._number_of(day), oddities=self._trade.oddities):
            minute = self._shop.timeline.between(660, 720)
            self._plan_at_home(day, minute, partial(_play_case, case, self._shop))
        if self._trade.mishaps and self._shop.timeline.chance(1 / DAYS_BETWEEN):
            self._plan_at_home(day, 720, partial(meet_a_mishap, self._shop))
        if self._trade.web_changes:
            self._plan_at_home(day, 1200, partial(change_web_orders, self._shop))

    def _plan_clock_change(self, day: date) -> None:
        """Sell and order around the hour that is missing, or comes twice."""
        zone = ZoneInfo(self.state.retailer.time_zone)
        changed = _clock_change(day, zone)
        if changed is None:
            return
        till = self._shop.premises.tills[0]
        for minutes in (-30, -1, 60):
            for fold in (0, 1):
                wall = changed + timedelta(minutes=minutes, seconds=20)
                moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
                self._shop.timeline.plan(moment, partial(self._sell, till))
                self._shop.timeline.plan(moment, self._order_online)

    def _sell(self, till: Till, moment: datetime) -> None:
        """Sell something ordinary, which may have a fate later on."""
        shop = self._shop
        lines = draw_basket(shop, till)
        buyer = self._draw_buyer()
        sale = record_sale(shop, moment, till, lines, customer_id=buyer)
        shop.recent.append(sale.id)
        del shop.recent[:-RECENT_SALES]
        draw_fate(shop, sale, moment)

    def _draw_buyer(self) -> str | None:
        drawn = self._shop.timeline.rng.random()
        if drawn < UNNAMED_SHARE:
            return None
        is_asked = drawn >= UNNAMED_SHARE + self._trade.walk_in_share
        chosen = choose_buyer(self._shop) if is_asked else None
        return chosen or self.state.default_customer_id

    def _order_online(self, moment: datetime) -> None:
        buyer, course = draw_buyer(self._shop), draw_course(self._shop)
        place_order(self._shop, moment, buyer, course)

    def _close_register(self, moment: datetime) -> None:
        till = self._shop.premises.closing_till
        register = self.state.registers[till.register_id]
        self._shop.timeline.delete(register, moment)

    def _number_of(self, day: date) -> int:
        return (day - self._opened_on).days


def _play_case(case: Case, shop: Shop, moment: datetime) -> None:
    case(shop, moment)


def _planned_at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) - BEFORE_THE_DAY


def _clock_change(day: date, zone: ZoneInfo) -> datetime | None:
    """Return what the clocks in *zone* show when they are changed on *day*, if so."""
    midnight = datetime.combine(day, time(), zone)
    before, after = midnight.utcoffset(), (midnight + timedelta(days=1)).utcoffset()
    if before is None or before == after:
        return None
    moment = datetime.combine(day, time(), UTC) - before
    while moment.astimezone(zone).utcoffset() == before:
        moment += timedelta(minutes=30)
    return (moment + before).replace(tzinfo=None)


def _local(day: date, minute: float, time_zone: str) -> datetime:
    """Return the moment at which clocks in *time_zone* show *minute* of *day*."""
    midnight = datetime.combine(day, time(), ZoneInfo(time_zone))
    return (midnight + timedelta(seconds=int(minute * 60))).astimezone(UTC)


def _empty_state(
    seed: int, start: datetime, time_zone: str, currency: str
) -> StoreState:
    rng = Random(f"{seed}/retailer")
    return StoreState(
        now=start,
        retailer=found_retailer(rng, time_zone, currency),
        outlets={},
        registers={},
        customers={},
        sales={},
        web_orders={},
        default_customer_id="",
        web_source=f"ecw:{rng.getrandbits(64):016X}",
    )
