"""Tests for analytics_pipeline.domain.anomalies.people."""

import pytest

from analytics_pipeline.domain.anomalies.people import check_tiers
from analytics_pipeline.model.policy import AnomalyLimits
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.vocabulary import Tier
from analytics_pipeline_tests.tables import make_table


def people(*tiers):
    return make_table(
        CustomerAnalytics,
        [{"customer_id": f"c{n}", "tier": tier} for n, tier in enumerate(tiers)],
    )


def moved(count, of, *, days=1, walk_in_ids=0):
    before = people(*[Tier.SPROUT] * of, *[Tier.NONE] * walk_in_ids)
    now = people(*[Tier.SEED] * count, *[Tier.SPROUT] * (of - count))
    return check_tiers(before, now, days, AnomalyLimits())


@pytest.mark.parametrize(("of", "most"), [(20, 10), (100, 10), (110, 11), (300, 30)])
def test_more_than_ten_people_and_a_tenth_are_reported(of, most):
    assert moved(most, of).passed
    assert not moved(most + 1, of).passed
    assert not moved(most + 1, of).blocks


def test_people_without_a_tier_before_do_not_count_as_moves():
    assert not moved(11, 100, walk_in_ids=900).passed


@pytest.mark.parametrize(
    ("days", "most"), [(1, 10), (2, 20), (5, 50), (6, 50), (31, 50)]
)
def test_a_gap_of_days_allows_as_many_days_moves_up_to_five(days, most):
    assert moved(most, 100, days=days).passed
    assert not moved(most + 1, 100, days=days).passed


def test_up_and_down_are_distinguished_and_new_people_do_not_count():
    before = people(Tier.SEED, Tier.BLOOM, Tier.NONE, Tier.SPROUT)
    now = people(
        Tier.SPROUT, Tier.NONE, Tier.SEED, Tier.SPROUT, Tier.EVERGREEN, Tier.SEED
    )

    found = check_tiers(before, now, 1, AnomalyLimits())

    assert found.evidence == {"moved": 3, "people": 3, "up": 2, "down": 1, "days": 1}
