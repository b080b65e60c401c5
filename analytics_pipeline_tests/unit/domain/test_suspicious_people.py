"""Tests for analytics_pipeline.domain.people (rule 3.4)."""

from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.identity import no_overrides
from analytics_pipeline.domain.people import check_people, describe_merged
from analytics_pipeline.model.checks import Severity
from analytics_pipeline_tests.examples import up_to


def tables(*people):
    """Persons as lists of names; ``None`` is no name, ``...`` a deleted record.

    The person ``p0`` has the records ``p0``, ``p0-1``, ``p0-2`` and so on.
    """
    rows = [
        (f"p{n}-{m}" if m else f"p{n}", f"p{n}", name is not ..., name)
        for n, names in enumerate(people)
        for m, name in enumerate(names)
    ]
    identities = pd.DataFrame(
        [("customer", *row[:3]) for row in rows] + [("ecom", "ecom-1", "p0", True)],
        columns=["record_kind", "record_id", "person_id", "is_live"],
    ).astype("str")
    identities["is_live"] = identities["is_live"] == "True"
    known = [(row[0], None if row[3] is ... else row[3]) for row in rows]
    customers = pd.DataFrame(known, columns=["customer_id", "name"]).astype("str")
    return identities, customers


def same(*pairs, rule="same"):
    table = [(*pair, rule, "said so") for pair in pairs]
    return pd.DataFrame(table, columns=no_overrides().columns).astype("str")


def evaluate(*people, declared=None, size=6):
    declared = no_overrides() if declared is None else declared
    return check_people(*tables(*people), declared, size)


def conflicting(*people, declared=None):
    declared = no_overrides() if declared is None else declared
    found = describe_merged(*tables(*people), declared, 6)
    return found.loc[found["has_conflicting_names"], "person_id"].tolist()


@pytest.mark.parametrize(
    ("names", "conflict"),
    [
        pytest.param(["Ada Lovelace", "Ada Lovelace"], False, id="one name"),
        pytest.param(["Ada Lovelace", "LOVELACE, ada"], False, id="in another order"),
        pytest.param(["A. Lovelace", "Ada Lovelace"], False, id="initial"),
        pytest.param(["Ada", "Ada Lovelace"], False, id="a part of it"),
        pytest.param(["José Díaz", "jose DIAZ"], False, id="without accents"),
        pytest.param(["Ada Lovelace", None], False, id="no name"),
        pytest.param(["Ada Lovelace", "—"], False, id="no word in it"),
        pytest.param(["Ada Lovelace", ...], False, id="deleted"),
        pytest.param(["Ada Lovelace", "Alan Turing"], True, id="no word in common"),
        pytest.param(["A. Lovelace", "A. Turing"], True, id="an initial is no word"),
        pytest.param(["Ada Byron", "Ada King", "King Noel"], False, id="chain"),
        pytest.param(["Ada B", "Ada C", "Alan D", "Alan E"], True, id="two groups"),
        pytest.param(["Ada", None, ..., "Alan"], True, id="between others"),
    ],
)
def test_names_conflict_if_they_fall_into_groups_without_a_common_word(names, conflict):
    assert conflicting(names) == (["p0"] if conflict else [])


def test_a_word_of_somebody_else_joins_no_names():
    people = (["Ada", "Alan"], ["Ada", "Ada Alan"], ["Alan", "Alan Ada"])

    assert conflicting(*people) == ["p0"]


def test_records_declared_the_same_do_not_conflict():
    names = ["Ada", "Alan", "Grace"]

    assert conflicting(names, declared=same(("p0", "p0-1"))) == ["p0"]
    both = same(("p0-1", "p0"), ("p0-2", "p0-1"))
    assert conflicting(names, declared=both) == []


def test_records_declared_the_same_through_a_deleted_one_do_not_conflict():
    declared = same(("p0", "p0-1"), ("p0-1", "p0-2"))

    assert conflicting(["Ada", ..., "Alan"], declared=declared) == []


def test_a_declaration_that_others_are_different_makes_no_names_agree():
    declared = same(("p0", "p0-1"), rule="different")

    assert conflicting(["Ada", "Alan"], declared=declared) == ["p0"]


@pytest.mark.parametrize(("records", "passed"), [(3, True), (4, False)])
def test_more_live_records_than_the_shop_says_are_too_many(records, passed):
    result = evaluate(["Ada"] * records + [..., ...], ["Alan"], size=3)

    assert result.passed is passed
    assert result.evidence == {
        "too_large": int(not passed),
        "conflicting_names": 0,
        "largest": records,
        "people": "" if passed else "p0",
    }


def test_a_warning_says_how_to_separate_and_to_confirm():
    result = evaluate(["Ada Lovelace", "Alan Turing"], ["Grace"] * 8, ["Edsger"])

    assert (result.check, result.severity) == ("people_look_right", Severity.WARN)
    assert result.evidence == {
        "too_large": 1,
        "conflicting_names": 1,
        "largest": 8,
        "people": "p0, p1",
    }
    assert result.sentence == (
        "2 people may be several: 1 has more than 6 records, 1 has names without a "
        "common word. If two records are different people, add a line to "
        "identity_overrides.csv: left_id,right_id,different,reason; if their names "
        "are one person's: left_id,right_id,same,reason."
    )


def test_a_person_with_both_faults_is_listed_once():
    result = evaluate([f"Name{n}" for n in range(8)])

    assert result.sentence.startswith("1 person")
    assert result.evidence["people"] == "p0"


def test_at_most_ten_people_are_named_by_id():
    result = evaluate(*[["Ada", "Alan"]] * 12)

    assert result.evidence["people"].count("p") == 10
    facts = result.sentence + str(result.evidence)
    assert not any(word in facts for word in ("Ada", "Alan", "ecom-"))


@pytest.mark.parametrize("people", [(), (["Ada"],), (["Ada"], [...], [None, None])])
def test_people_of_one_record_or_without_names_look_right(people):
    result = evaluate(*people)

    assert result.passed
    assert "No one" in result.sentence


WORDS = st.sampled_from(["ada", "Ada", "béa", "Bea", "cleo", "A.", "-"])
NAME = st.none() | st.just(...) | st.lists(WORDS, max_size=2).map(" ".join)
PERSON = st.lists(NAME, min_size=1, max_size=5)
PLAIN = {"ada": "ada", "Ada": "ada", "béa": "bea", "Bea": "bea", "cleo": "cleo"}


def plain_words(name):
    if name in (None, ...):
        return set()
    words = {PLAIN[word] for word in name.split() if word in PLAIN}
    return words or ({"a"} if "A." in name else set())


def has_groups(names, pairs):
    """Merge what shares a word, or was declared the same, until nothing changes."""
    groups = [{n} for n in range(len(names))]

    def linked(one, two):
        return any(
            {x, y} in pairs or plain_words(names[x]) & plain_words(names[y])
            for x in one
            for y in two
        )

    changed = True
    while changed:
        changed = False
        for one, two in combinations(groups, 2):
            if linked(one, two):
                groups = [each for each in groups if each not in (one, two)]
                groups.append(one | two)
                changed = True
                break
    named = [group for group in groups if any(plain_words(names[n]) for n in group)]
    return len(named) > 1


@settings(max_examples=up_to(60))
@given(
    st.lists(
        st.tuples(PERSON, st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)))),
        min_size=1,
        max_size=4,
    )
)
def test_conflicts_are_those_of_a_plain_search(people):
    def record_id(n, m):
        return f"p{n}-{m}" if m else f"p{n}"

    declared = same(
        *[
            (record_id(n, x), record_id(n, y))
            for n, (names, pairs) in enumerate(people)
            for x, y in sorted(pairs)
            if x != y and max(x, y) < len(names)
        ]
    )
    expected = [
        f"p{n}"
        for n, (names, pairs) in enumerate(people)
        if has_groups(
            names, [{x, y} for x, y in pairs if x != y and max(x, y) < len(names)]
        )
    ]

    assert expected == conflicting(*[names for names, _ in people], declared=declared)
