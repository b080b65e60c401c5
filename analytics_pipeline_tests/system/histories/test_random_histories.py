"""Any history, read in any batches, comes to the bytes of one rebuild (rule 7.3).

A machine steers a store by hand and, in between, updates the pipeline: wholly, only up
to some table, for another day, twice, with faults, or while the store goes on.  What
is published is compared with the store's own ledger after every update, and at the end
every reproducible file with those of a rebuild from nothing.
"""

import sys
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from analytics_pipeline.simulator.faults import PASSING, FaultKind, FaultPlan
from analytics_pipeline.simulator.quirks import Quirks
from analytics_pipeline.simulator.sales import STATES
from analytics_pipeline_tests.light_run import TABLES, UP_TO_REPORTING, exit_code_of
from analytics_pipeline_tests.system.histories.in_process import (
    differing,
    open_pipeline,
)
from analytics_pipeline_tests.system.histories.store_by_hand import (
    AWKWARD_AMOUNTS,
    BEFORE_CLOCKS_CHANGE,
    CONTACTS,
    DEAREST,
    EDITS,
    MOMENTS,
    UNPAID,
    WEB_COURSES,
    WEB_EMAILS,
    Basket,
    StoreByHand,
)

PICKS = st.integers(0, 40)
AMOUNTS = st.sampled_from(AWKWARD_AMOUNTS).map(Decimal) | st.decimals(
    0, DEAREST, places=5
)
BASKETS = st.builds(Basket, AMOUNTS, st.sampled_from(UNPAID))
BUYERS = st.none() | PICKS
WHEN = st.sampled_from(MOMENTS)
FAULTS = (*PASSING, FaultKind.STUCK_VERSION, FaultKind.TOKEN_REVOKED)
DAYS = st.just(0) | st.integers(0, 7)
"""How many days the search is asked for; it fixes what the feed has missed."""
AS_OF = st.sampled_from((1, 1, 1, 0, 3))
"""As of how many days ago: mostly yesterday, at times provisionally today."""

UNPUBLISHED = TABLES[: TABLES.index("customer_analytics_master")]
"""The tables after which nothing is published yet."""

ENOUGH_FOR_A_BATCH = 3
MOST_IN_A_BATCH = 8
"""How many changes may wait for the pipeline: to run costs much, to change nothing."""

tally: Counter[str] = Counter()
"""How many steps the machines took, so that a test can ask whether it tested."""


class RandomHistories(RuleBasedStateMachine):
    """A store, and the pipeline that follows it in batches of any size."""

    whole = UP_TO_REPORTING
    """The tables of a whole update; a report of any history is tried by itself."""

    @initialize(
        opened=st.sampled_from(BEFORE_CLOCKS_CHANGE),
        api_version=st.sampled_from(("2026-07", "2.0")),
        string_numbers=st.booleans(),
        page_limit=st.sampled_from((2, 3, 1000)),
    )
    def open(self, opened, api_version, string_numbers, page_limit):
        self.folder = TemporaryDirectory()
        self.store = StoreByHand(opened)
        self.store.sell(Basket(), buyer=1, dated=(-1, "23:59:59"))
        self.pipeline = open_pipeline(
            self.store,
            Path(self.folder.name) / "data",
            api_version=api_version,
            page_limit=page_limit,
            quirks=Quirks(string_numbers=string_numbers),
        )
        self.published_day = date.min
        self.changes = 1

    # The store lives ---------------------------------------------------------------

    @rule(
        basket=BASKETS,
        till=PICKS,
        buyer=BUYERS,
        status=st.just("CLOSED") | st.sampled_from(sorted(STATES)),
        dated=st.none() | WHEN,
    )
    def sell(self, basket, till, buyer, status, dated):
        self.changed("sell")
        self.store.sell(basket, till=till, buyer=buyer, status=status, dated=dated)

    @rule(pick=PICKS, basket=BASKETS)
    def reprice(self, pick, basket):
        self.changed("edit")
        self.store.reprice(self.sale(pick), basket)

    @rule(
        pick=PICKS,
        how=st.sampled_from(
            (
                StoreByHand.strike_line,
                StoreByHand.delete_payment,
                StoreByHand.add_attribute,
                StoreByHand.pay_rest,
                StoreByHand.move_to_other_outlet,
            )
        ),
    )
    def correct(self, pick, how):
        self.changed("edit")
        how(self.store, self.sale(pick))

    @rule(pick=PICKS, status=st.just("VOIDED") | st.sampled_from(sorted(STATES)))
    def set_status(self, pick, status):
        self.changed("void" if status == "VOIDED" else "status")
        self.store.set_status(self.sale(pick), status)

    @rule(pick=PICKS)
    def delete_or_restore_sale(self, pick):
        self.changed("delete")
        self.store.delete_or_restore(self.sale(pick))

    @rule(pick=PICKS, dated=WHEN)
    def move_sale(self, pick, dated):
        self.changed("move")
        self.store.move(self.sale(pick), dated)

    @rule(
        pick=PICKS,
        for_amount=st.none() | AMOUNTS,
        nameless=st.booleans(),
        elsewhere=st.booleans(),
    )
    def give_back_or_exchange(self, pick, for_amount, nameless, elsewhere):
        self.changed("return" if for_amount is None else "exchange")
        self.store.give_back(
            self.sale(pick),
            for_amount=for_amount,
            nameless=nameless,
            elsewhere=elsewhere,
        )

    @rule(pick=PICKS, buyer=PICKS)
    def reassign_sale(self, pick, buyer):
        self.changed("reassign")
        self.store.reassign(self.sale(pick), buyer)

    @rule(contact=st.sampled_from(CONTACTS))
    def enrol_customer(self, contact):
        self.changed("enrol")
        self.store.enrol(contact)

    @rule(pick=PICKS, contact=st.sampled_from(CONTACTS))
    def retype_customer(self, pick, contact):
        self.changed("retype")
        self.store.retype(self.person(pick), contact)

    @rule(primary=PICKS, second=PICKS)
    def merge_customers(self, primary, second):
        self.changed("merge")
        self.store.merge(self.person(primary), self.person(second))

    @rule(pick=PICKS)
    def delete_or_restore_customer(self, pick):
        self.changed("delete customer")
        self.store.delete_or_restore(self.person(pick))

    @rule(
        email=st.sampled_from(WEB_EMAILS),
        course=st.sampled_from(WEB_COURSES),
        amount=AMOUNTS,
        dated=WHEN,
    )
    def order_online(self, email, course, amount, dated):
        self.changed("web order")
        self.store.order_online(email, course, amount, dated)

    @precondition(lambda self: self.store.state.web_orders)
    @rule(
        pick=PICKS,
        how=st.sampled_from(("source", "note", "hint")),
        basket=BASKETS,
        buyer=BUYERS,
    )
    def sync_web_order(self, pick, how, basket, buyer):
        self.changed("web order")
        self.store.sync(self.web_order(pick), how=how, basket=basket, buyer=buyer)

    @precondition(lambda self: self.store.state.web_orders)
    @rule(pick=PICKS, course=st.sampled_from(WEB_COURSES), hint=st.none() | PICKS)
    def change_web_order(self, pick, course, hint):
        self.changed("web order")
        order = self.web_order(pick)
        self.store.follow_course(order, course)
        named = None if hint is None else self.sale(hint)
        if named is not None and named.return_for is None:
            self.store.hint(order, named)

    @rule(number=st.integers(0, 1), pick=st.integers(0, 1))
    def move_outlet(self, number, pick):
        self.changed("outlet")
        self.store.move_outlet(number, pick)

    @rule(hours=st.sampled_from((1, 5, 11, 24, 49)))
    def step_clock(self, hours):
        self.changed("clock")
        self.store.step_clock(hours)

    @rule()
    def export_web_shop(self):
        self.pipeline.export()

    # The pipeline follows ----------------------------------------------------------

    @precondition(lambda self: self.changes >= ENOUGH_FOR_A_BATCH)
    @rule(ago=AS_OF, days=DAYS, full=st.integers(0, 7).map(lambda n: n > 6))
    def update(self, ago, days, full):
        day = self.day(ago)
        self.pipeline.run(day, days=days, tables=self.whole, rebuild=full)
        self.check(day)
        self.followed("rebuild in place" if full else "update")

    @precondition(lambda self: self.changes >= ENOUGH_FOR_A_BATCH)
    @rule(ago=AS_OF, days=DAYS, last=st.sampled_from(UNPUBLISHED))
    def update_up_to(self, ago, days, last):
        """Stop after some table, as a run does that is killed there."""
        tables = TABLES[: TABLES.index(last) + 1]
        self.pipeline.run(self.day(ago), days=days, tables=tables)
        self.followed("update up to some table")

    @precondition(lambda self: self.changes >= ENOUGH_FOR_A_BATCH)
    @rule(
        days=DAYS,
        seed=st.integers(0, 1000),
        rate=st.sampled_from((0.05, 0.2, 0.6)),
    )
    def update_with_faults(self, days, seed, rate):
        plan = FaultPlan.seeded(seed, rate, kinds=FAULTS)
        if self.gets_through(days=days, plan=plan):
            self.check(self.day(1))
            self.followed("update in spite of faults")
        else:
            self.followed("update stopped by a fault")

    @precondition(lambda self: self.changes >= ENOUGH_FOR_A_BATCH)
    @rule(ago=AS_OF, days=DAYS)
    def update_twice(self, ago, days):
        day = self.day(ago)
        self.pipeline.run(day, days=days)
        once = self.pipeline.everything()
        self.pipeline.run(day, days=days)
        assert differing(once, self.pipeline.everything()) == []
        self.check(day)
        self.followed("update twice")

    @precondition(lambda self: self.changes >= ENOUGH_FOR_A_BATCH)
    @rule(
        days=DAYS,
        edits=st.dictionaries(
            st.integers(1, 15),
            st.tuples(st.sampled_from(sorted(EDITS)), PICKS),
            min_size=1,
            max_size=4,
        ),
    )
    def update_while_the_store_goes_on(self, days, edits):
        """Edit the store between the requests of one update."""

        def edit(number, _path):
            if number in edits:
                what, pick = edits[number]
                EDITS[what](self.store, pick)

        self.pipeline.run(self.day(1), days=days, before=edit)
        self.note_published(self.day(1))
        self.followed("update while the store went on")
        self.changes = 1

    def gets_through(self, **options: Any) -> bool:
        """Update for yesterday; a failure must be the source's, and change no file."""
        before = self.pipeline.published()
        try:
            self.pipeline.run(self.day(1), **options)
        except dg.Failure as failure:
            code, said = exit_code_of(failure), failure.description
        else:
            return True
        assert code == 3, said
        assert self.pipeline.published() == before
        return False

    # What is compared --------------------------------------------------------------

    def check(self, day: date) -> None:
        """Compare what was made for *day* with the store's own ledger."""
        self.note_published(day)
        self.pipeline.compare_with_ledger(day, published=day == self.published_day)

    def note_published(self, day: date) -> None:
        self.published_day = max(day, self.published_day)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            if sys.exception() is None:  # else a step has failed already
                self.compare_with_a_rebuild()
        finally:
            self.folder.cleanup()

    def compare_with_a_rebuild(self) -> None:
        day = max(self.day(1), self.published_day)
        self.pipeline.export()
        self.pipeline.run(day)
        self.check(day)
        again = self.pipeline.fresh_copy(Path(self.folder.name) / "again")
        again.run(day, rebuild=True)
        ours, theirs = self.pipeline.reproducible(day), again.reproducible(day)
        assert differing(ours, theirs) == []
        tally["compared with a rebuild"] += 1

    # Who and what is meant ---------------------------------------------------------

    def day(self, ago: int) -> date:
        return self.pipeline.yesterday + timedelta(days=1 - ago)

    def sale(self, pick):
        return self.store.sales[pick % len(self.store.sales)]

    def person(self, pick):
        return self.store.people[pick % len(self.store.people)]

    def web_order(self, pick):
        orders = list(self.store.state.web_orders.values())
        return orders[pick % len(orders)]

    def changed(self, how: str) -> None:
        """Count a change; before it, update if the pipeline was not asked for long."""
        if self.changes >= MOST_IN_A_BATCH:
            self.update(ago=1, days=0, full=False)
        self.changes += 1
        tally[how] += 1

    def followed(self, how: str) -> None:
        tally[how] += 1
        tally["batches with changes"] += self.changes > 0
        self.changes = 0


COMMON = settings(
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
ORDINARY = settings(COMMON, max_examples=2, stateful_step_count=20, derandomize=True)
NIGHTLY = settings(COMMON, max_examples=150, stateful_step_count=40, print_blob=True)


@pytest.mark.timeout(1200)  # a failing history is made shorter, which takes its time
def test_any_history_in_any_batches_comes_to_the_bytes_of_one_rebuild():
    tally.clear()

    run_state_machine_as_test(RandomHistories, settings=ORDINARY)

    assert tally["compared with a rebuild"] >= ORDINARY.max_examples
    batches = tally["batches with changes"]
    assert batches >= ORDINARY.max_examples, "the histories were hardly read"


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_thousands_of_steps_come_to_the_bytes_of_one_rebuild(monkeypatch):
    monkeypatch.setattr(RandomHistories, "whole", TABLES)

    run_state_machine_as_test(RandomHistories, settings=NIGHTLY)
