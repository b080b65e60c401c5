"""Tests for analytics_pipeline.domain.identity."""

from io import BytesIO
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from analytics_pipeline.domain.identity import (
    find_left_out_edges,
    no_overrides,
    resolve_identities,
)
from analytics_pipeline.domain.web_order_log import LAST_WORDS
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.customers import CustomerIdentities
from analytics_pipeline.model.schemas.sources import Customers, EcomOrders
from analytics_pipeline.sources.web_shop.export import NOT_IN_EXPORT
from analytics_pipeline_tests.examples import up_to

POLICY = Policy()
RECORD = {
    "customer_id": "a",
    "version": 1,
    "customer_code": None,
    "name": None,
    "email": None,
    "phone": None,
    "created_at": 0,
    "updated_at": None,
    "is_deleted": False,
    "is_walk_in": False,
    "email_key": None,
    "phone_key": None,
    "mobile_key": None,
    "customer_group_id": None,
    "customer_group": None,
    "do_not_email": None,
    "enable_promotional_sms": None,
}
ORDER = {
    "order_number": "1",
    "ordered_at": "2025-01-01 10:00",
    "order_date": "2025-01-01",
    "payment_status": "ACCEPTED",
    "fulfillment_status": "SHIPPED",
    "total_cents": 1000,
    "tax_cents": 0,
    "sale_id": None,
    "name": None,
    "email": None,
    "email_key": None,
    "ecom_customer_id": None,
    **dict(zip(LAST_WORDS, NOT_IN_EXPORT, strict=True)),
}


DTYPES = {
    schema: {
        name: "str" if "str" in str(column.dtype) else str(column.dtype)
        for name, column in schema.to_schema().columns.items()
    }
    for schema in (Customers, EcomOrders)
}


def typed(schema, rows, **moments):
    columns = {name: [row[name] for row in rows] for name in DTYPES[schema]}
    return pd.DataFrame(columns | moments).astype(DTYPES[schema])


def customers(*rows):
    """Records; ``created_at`` is a day of the year 2020, counted from 0."""
    rows = [RECORD | row for row in rows]
    days = pd.to_timedelta([row["created_at"] for row in rows], unit="D")
    created_at = pd.Timestamp("2020-01-01", tz="UTC") + days
    return typed(Customers, rows, created_at=created_at)


def ecom_orders(*rows):
    return typed(EcomOrders, [ORDER | row for row in rows])


def overrides(*rows):
    table = [(*row, "said so") for row in rows]
    return pd.DataFrame(table, columns=no_overrides().columns).astype("str")


def record(customer_id, email=None, phone=None, mobile=None, **others):
    keys = {"email_key": email, "phone_key": phone, "mobile_key": mobile}
    return {"customer_id": customer_id} | keys | others


def order(number, email, ecom_id):
    keys = {"email_key": email, "ecom_customer_id": ecom_id}
    return {"order_number": number} | keys


def resolve(*records, orders=(), declared=(), policy=POLICY):
    return resolve_identities(
        customers(*records), ecom_orders(*orders), overrides(*declared), policy
    )


def persons(identities):
    table = identities.set_index("record_id")["person_id"]
    return {key: None if pd.isna(person) else person for key, person in table.items()}


def evidence(identities):
    facts = identities.dropna(subset=["evidence"])
    return dict(zip(facts["record_id"], facts["evidence"], strict=True))


def left_out(*records, declared, policy=POLICY):
    edges = find_left_out_edges(customers(*records), overrides(*declared), policy)
    return [tuple(edge) for edge in edges.to_numpy()]


@pytest.mark.parametrize(
    ("one", "two", "is_same"),
    [
        pytest.param({"email": "e"}, {"email": "e"}, True, id="e-mail"),
        pytest.param({"phone": "p"}, {"phone": "p"}, True, id="phone"),
        pytest.param({"phone": "p"}, {"mobile": "p"}, True, id="phone and mobile"),
        pytest.param({"mobile": "p"}, {"mobile": "p"}, True, id="mobile"),
        pytest.param({"email": "e"}, {"email": "f"}, False, id="other e-mails"),
        pytest.param({"email": "k"}, {"phone": "k"}, False, id="another kind"),
        pytest.param({}, {}, False, id="nothing known"),
        pytest.param({"email": ""}, {"email": ""}, False, id="blank keys"),
    ],
)
def test_records_that_share_a_key_are_one_person(one, two, is_same):
    found = persons(resolve(record("a", **one), record("b", **two)))

    assert is_same == (found["a"] == found["b"])


def test_chains_join():
    identities = resolve(
        record("a", email="e"),
        record("b", email="e", phone="p"),
        record("c", phone="p"),
    )

    assert persons(identities) == {"a": "a", "b": "a", "c": "a"}
    assert evidence(identities) == {"b": "email:a", "c": "phone:b"}


def test_the_walk_in_is_no_person_and_links_no_one():
    identities = resolve(
        record("a", email="e"),
        record("walk-in", email="e", phone="p", is_walk_in=True),
        record("c", phone="p"),
        declared=[("a", "walk-in", "same"), ("c", "walk-in", "same")],
    )

    assert persons(identities) == {"a": "a", "c": "c"}


def test_the_person_is_the_live_member_created_first():
    identities = resolve(
        record("a", email="e", created_at=5),
        record("b", email="e", created_at=3),
        record("c", email="e", created_at=1, is_deleted=True),
    )

    assert persons(identities) == {"a": "b", "b": "b", "c": "b"}
    assert identities["is_live"].tolist() == [True, True, False]


def test_a_tie_of_creation_goes_by_id():
    identities = resolve(record("b", email="e"), record("a", email="e"))

    assert {"a", "b"} == set(identities["record_id"])
    assert {"a"} == set(identities["person_id"])


def test_a_deleted_record_links_others():
    identities = resolve(
        record("a", email="e"),
        record("b", email="e", phone="p", is_deleted=True),
        record("c", phone="p", created_at=1),
    )

    assert persons(identities) == {"a": "a", "b": "a", "c": "a"}


def test_deleted_records_alone_are_no_person():
    identities = resolve(
        record("a", email="e", is_deleted=True), record("b", email="e", is_deleted=True)
    )

    assert persons(identities) == {"a": None, "b": None}


@pytest.mark.parametrize("key", ["email", "phone", "mobile"])
@pytest.mark.parametrize(
    ("max_shared", "holders", "joined"), [(5, 5, True), (5, 6, False), (1, 2, False)]
)
def test_a_key_of_too_many_live_customers_joins_no_one(
    key, max_shared, holders, joined
):
    records = [record(f"c{n}", **{key: "k"}) for n in range(holders)]
    found = persons(resolve(*records, policy=Policy(max_shared=max_shared)))

    assert (1 if joined else holders) == len(set(found.values()))


def test_a_shop_may_say_that_any_email_is_one_too_many():
    policy = Policy(max_shared=0)
    alone = record("a", email="e", phone="p", mobile="p")
    identities = resolve(alone, orders=[order("1", "e", "ecom-1")], policy=policy)

    assert persons(identities) == {"a": "a"}
    assert identities["has_placeholder_email"].all()


def test_only_live_customers_make_a_key_a_shared_one():
    live = [record(f"c{n}", email="k") for n in range(5)]
    others = [record(f"d{n}", email="k", is_deleted=True) for n in range(3)]
    walk_in = record("walk-in", email="k", is_walk_in=True)

    assert {"c0"} == set(persons(resolve(*live, *others, walk_in)).values())


def test_a_shared_key_does_not_join_deleted_records_either():
    live = [record(f"c{n}", email="k") for n in range(6)]
    gone = record("d", email="k", is_deleted=True)

    assert persons(resolve(*live, gone))["d"] is None


def test_a_customer_with_one_number_twice_is_one_holder():
    records = [record(f"c{n}", phone="k", mobile="k") for n in range(5)]

    assert {"c0"} == set(persons(resolve(*records)).values())


def test_a_placeholder_email_is_known_by_pattern_and_by_sharing():
    shared = [record(f"s{n}", email="k") for n in range(6)]
    identities = resolve(
        record("a", email="e") | {"email": "ann@example.com"},
        record("b") | {"email": "NoEmail"},
        record("c") | {"email": "none@example.com", "is_deleted": True},
        *shared,
    )

    reported = identities.set_index("record_id")["has_placeholder_email"]
    assert {"b", *(row["customer_id"] for row in shared)} == set(
        reported[reported].index
    )


def test_people_can_say_that_two_records_are_the_same():
    identities = resolve(record("a"), record("b"), declared=[("b", "a", "same")])

    assert persons(identities) == {"a": "a", "b": "a"}
    assert evidence(identities) == {"b": "forced:a"}


def test_different_wins_over_a_shared_key():
    records = [record("a", email="e", phone="p"), record("b", email="e", phone="p")]
    declared = [("b", "a", "different")]

    assert persons(resolve(*records, declared=declared)) == {"a": "a", "b": "b"}
    expected = [("a", "b", "email"), ("a", "b", "phone")]
    assert expected == left_out(*records, declared=declared)


def test_different_wins_over_same():
    records = [record("a"), record("b")]
    declared = [("a", "b", "same"), ("a", "b", "different")]

    assert persons(resolve(*records, declared=declared)) == {"a": "a", "b": "b"}
    assert left_out(*records, declared=declared) == [("a", "b", "forced")]


def test_different_wins_over_a_chain_whose_later_edge_is_left_out():
    records = [
        record("a", email="e"),
        record("b", email="e", phone="p"),
        record("c", phone="p"),
    ]
    declared = [("a", "c", "different")]

    found = persons(resolve(*records, declared=declared))
    assert found == {"a": "a", "b": "a", "c": "c"}
    assert left_out(*records, declared=declared) == [("b", "c", "phone")]


def test_forced_edges_are_taken_before_shared_keys():
    records = [record("a", email="e"), record("b", email="e"), record("c")]
    declared = [("c", "b", "same"), ("a", "c", "different")]

    found = persons(resolve(*records, declared=declared))
    assert found == {"a": "a", "b": "b", "c": "b"}


def test_when_the_first_holder_is_kept_apart_the_others_still_join():
    records = [record(each, email="e") for each in "abc"]
    declared = [("a", "b", "different"), ("a", "c", "different")]

    found = persons(resolve(*records, declared=declared))
    assert found == {"a": "a", "b": "b", "c": "b"}
    expected = [("a", "b", "email"), ("a", "c", "email")]
    assert expected == left_out(*records, declared=declared)


def test_a_declaration_changes_no_one_else():
    others = [record(each, email="f") for each in "xyz"]
    pair = [record("a", email="e"), record("b", email="e")]
    declared = [("a", "b", "different"), ("a", "x", "different")]

    identities = resolve(*others, *pair, declared=declared)

    assert persons(identities) == {"x": "x", "y": "x", "z": "x", "a": "a", "b": "b"}
    assert evidence(identities) == {"y": "email:x", "z": "email:x"}


def test_no_declaration_leaves_no_edge_out():
    assert left_out(record("a", email="e"), record("b", email="e"), declared=[]) == []


def test_an_ecom_email_belongs_to_the_person_who_has_it():
    identities = resolve(
        record("a", phone="p"),
        record("b", phone="p", email="e", created_at=1),
        orders=[order("1", "e", "ecom-1"), order("2", "e", "ecom-1")],
    )

    assert persons(identities) == {"a": "a", "b": "a", "ecom-1": "a"}
    assert evidence(identities)["ecom-1"] == "email:b"


def test_an_unknown_email_is_an_ecom_only_person():
    identities = resolve(record("a", email="e"), orders=[order("1", "f", "ecom-1")])

    assert persons(identities) == {"a": "a", "ecom-1": "ecom-1"}
    assert evidence(identities) == {}
    web = identities.set_index("record_id").loc["ecom-1"]
    assert (web["record_kind"], web["is_live"]) == ("ecom", True)


def test_an_email_of_a_deleted_record_belongs_to_its_live_person_if_any():
    deleted = record("b", phone="p", email="e", is_deleted=True)
    orders = [order("1", "e", "ecom-1")]

    joined = resolve(record("a", phone="p"), deleted, orders=orders)
    alone = resolve(deleted, orders=orders)

    assert persons(joined)["ecom-1"] == "a"
    assert persons(alone)["ecom-1"] == "ecom-1"


def test_an_email_of_several_persons_belongs_to_the_record_created_first():
    identities = resolve(
        record("a", email="e", created_at=9),
        record("b", email="e", created_at=2),
        record("c", phone="p", created_at=0),
        record("d", phone="p", email="e", created_at=3),
        orders=[order("1", "e", "ecom-1")],
        declared=[(one, two, "different") for one, two in combinations("abd", 2)],
    )

    assert persons(identities)["ecom-1"] == "b"


def test_an_email_of_several_persons_never_belongs_to_deleted_records_only():
    identities = resolve(
        record("a", email="e", is_deleted=True),
        record("b", email="e", created_at=1),
        orders=[order("1", "e", "ecom-1")],
        declared=[("a", "b", "different")],
    )

    assert persons(identities) == {"a": None, "b": "b", "ecom-1": "b"}


def test_the_walk_ins_email_makes_no_owner():
    walk_in = record("w", email="e", is_walk_in=True)

    found = persons(resolve(walk_in, orders=[order("1", "e", "ecom-1")]))
    assert found == {"ecom-1": "ecom-1"}


def test_orders_without_an_email_key_or_with_a_shared_one_have_no_row():
    shared = [record(f"s{n}", email="k") for n in range(6)]
    orders = [order("1", None, None), order("2", "k", "ecom-k")]

    identities = resolve(*shared, orders=orders)

    assert {"customer"} == set(identities["record_kind"])


def test_the_result_is_sorted_and_satisfies_its_schema():
    identities = resolve(
        record("z", email="e"),
        record("a", is_deleted=True),
        orders=[order("1", "e", "ecom-2"), order("2", "f", "ecom-1")],
    )

    CustomerIdentities.validate(identities, lazy=True)
    assert identities["record_id"].tolist() == ["a", "z", "ecom-1", "ecom-2"]


def test_no_people_is_a_valid_table():
    CustomerIdentities.validate(resolve(), lazy=True)
    CustomerIdentities.validate(resolve(record("a")), lazy=True)
    CustomerIdentities.validate(resolve(orders=[order("1", "e", "e-1")]), lazy=True)


def test_the_tables_of_these_tests_are_possible_ones():
    Customers.validate(customers(), lazy=True)
    Customers.validate(customers(record("a", email="e")), lazy=True)
    EcomOrders.validate(ecom_orders(), lazy=True)
    EcomOrders.validate(ecom_orders(order("1", "e", "ecom-1")), lazy=True)


def test_the_input_is_left_unchanged():
    tables = (
        customers(record("b", email="e"), record("a", email="e")),
        ecom_orders(order("1", "e", "ecom-1")),
        overrides(("a", "b", "different")),
    )
    before = [table.copy() for table in tables]

    resolve_identities(*tables, POLICY)

    for old, table in zip(before, tables, strict=True):
        assert_frame_equal(old, table)


KEYS = st.sampled_from([None, "k1", "k2", "k3", "k4"])
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "email_key": KEYS,
            "phone_key": KEYS,
            "mobile_key": KEYS,
            "is_deleted": st.booleans(),
            "is_walk_in": st.sampled_from([False, False, False, True]),
            "created_at": st.integers(0, 3),
        }
    ),
    max_size=9,
).map(lambda rows: [row | {"customer_id": f"c{n}"} for n, row in enumerate(rows)])
ENDS = st.integers(0, 8).map(lambda n: f"c{n}")
DECLARED = st.lists(
    st.tuples(ENDS, ENDS, st.sampled_from(["same", "different"])), max_size=5
)
FEW = settings(max_examples=up_to(8))
LOW = Policy(max_shared=3)


def numbers(row):
    return {row["phone_key"], row["mobile_key"]} - {None}


def brute_force(rows, max_shared):
    """Join any two that share, again and again, until nothing changes."""
    people = [row for row in rows if not row["is_walk_in"]]
    live = [row for row in people if not row["is_deleted"]]

    def few(holders):
        return len(holders) <= max_shared

    def shares(one, two):
        email = one["email_key"]
        by_email = email == two["email_key"] is not None and few(
            [row for row in live if row["email_key"] == email]
        )
        return by_email or any(
            few([row for row in live if number in numbers(row)])
            for number in numbers(one) & numbers(two)
        )

    groups = [{row["customer_id"]} for row in people]
    by_id = {row["customer_id"]: row for row in people}
    changed = True
    while changed:
        changed = False
        for one, two in combinations(groups, 2):
            if any(shares(by_id[x], by_id[y]) for x in one for y in two):
                groups = [g for g in groups if g not in (one, two)] + [one | two]
                changed = True
                break
    found = {}
    for group in groups:
        alive = [by_id[each] for each in group if not by_id[each]["is_deleted"]]
        eldest = min(
            alive, key=lambda row: (row["created_at"], row["customer_id"]), default=None
        )
        found |= dict.fromkeys(group, eldest and eldest["customer_id"])
    return found


@FEW
@given(PEOPLE)
def test_persons_are_the_closure_of_sharing_a_key(rows):
    assert brute_force(rows, LOW.max_shared) == persons(resolve(*rows, policy=LOW))


@FEW
@given(PEOPLE, DECLARED, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(rows, declared, shuffler):
    orders = [order(str(n), f"k{n}", f"ecom-{n}") for n in range(1, 6)]
    first = resolve(*rows, orders=orders, declared=declared, policy=LOW)
    for table in (rows, orders, declared):
        shuffler.shuffle(table)
    turned = [(two, one, rule) for one, two, rule in declared]

    again = resolve(*rows, orders=orders, declared=turned, policy=LOW)
    assert_frame_equal(first, again)


def slow_forest(rows, declared):
    """All edges one by one in the fixed order, with plain sets."""
    people = {row["customer_id"]: row for row in rows if not row["is_walk_in"]}
    live = [row for row in people.values() if not row["is_deleted"]]
    pairs = {
        rule: {
            tuple(sorted(ends))
            for *ends, said in declared
            if said == rule and set(ends) <= set(people) and ends[0] != ends[1]
        }
        for rule in ("same", "different")
    }

    def joins(kind, key):
        held = [kind_keys(row)[kind] for row in live]
        return sum(key in keys for keys in held) <= LOW.max_shared

    def kind_keys(row):
        return {"email": {row["email_key"]} - {None}, "phone": numbers(row)}

    edges = [("forced", *pair) for pair in sorted(pairs["same"])]
    for kind in ("email", "phone"):
        for one, two in combinations(sorted(people), 2):
            common = kind_keys(people[one])[kind] & kind_keys(people[two])[kind]
            if any(joins(kind, key) for key in common):
                edges.append((kind, one, two))
    group = {each: {each} for each in people}
    taken, refused = set(), []
    for kind, one, two in edges:
        if group[one] is group[two]:
            continue
        union = group[one] | group[two]
        if any(set(pair) <= union for pair in pairs["different"]):
            refused.append((one, two, kind))
            continue
        taken.add((kind, one, two))
        group |= dict.fromkeys(union, union)
    return group, taken, refused


@FEW
@given(PEOPLE, DECLARED)
def test_edges_are_taken_and_left_out_in_the_fixed_order(rows, declared):
    group, taken, refused = slow_forest(rows, declared)
    identities = resolve(*rows, declared=declared, policy=LOW)

    facts = {
        (kind, *sorted((record_id, other)))
        for record_id, edge in evidence(identities).items()
        for kind, other in [edge.split(":")]
    }
    assert taken == facts
    assert refused == left_out(*rows, declared=declared, policy=LOW)
    found = persons(identities)
    for one, two in combinations(found, 2):
        if found[one] and found[two]:
            assert (group[one] is group[two]) == (found[one] == found[two])


@FEW
@given(PEOPLE, DECLARED)
def test_those_declared_different_are_never_one_person(rows, declared):
    found = persons(resolve(*rows, declared=declared, policy=LOW))

    for one, two, rule in declared:
        if rule == "different" and one != two and found.get(one):
            assert found[one] != found.get(two)


@FEW
@given(PEOPLE, DECLARED)
def test_every_person_is_explained_by_one_edge_fewer_than_records(rows, declared):
    identities = resolve(*rows, declared=declared, policy=LOW)

    members = identities.dropna(subset=["person_id"]).groupby("person_id")
    assert (members["evidence"].count() == members.size() - 1).all()


@FEW
@given(PEOPLE)
def test_what_was_resolved_stays_when_declared(rows):
    """Declaring every person's records the same changes no person."""
    first = persons(resolve(*rows, policy=LOW))
    declared = [(one, person, "same") for one, person in first.items() if person]

    assert first == persons(resolve(*rows, declared=declared, policy=LOW))


def written(identities):
    file = BytesIO()
    identities.to_parquet(file)
    return file.getvalue()


@FEW
@given(PEOPLE, DECLARED, st.randoms(use_true_random=False))
def test_the_same_records_give_the_same_bytes_in_any_order(rows, declared, shuffler):
    orders = [order(str(n), f"k{n}", f"ecom-{n}") for n in range(1, 6)]
    tables = (rows, orders, declared)
    first = resolve(*rows, orders=orders, declared=declared, policy=LOW)
    again = resolve(*rows, orders=orders, declared=declared, policy=LOW)
    for table in tables:
        shuffler.shuffle(table)
    shuffled = resolve(*rows, orders=orders, declared=declared, policy=LOW)

    assert written(first) == written(again) == written(shuffled)


@FEW
@given(PEOPLE, DECLARED)
def test_evidence_leads_each_record_to_its_person_by_keys_that_are_shared(
    rows, declared
):
    identities = resolve(*rows, declared=declared, policy=LOW)
    by_id = {row["customer_id"]: row for row in rows}
    same = {frozenset((one, two)) for one, two, rule in declared if rule == "same"}
    values = {each: edge.split(":") for each, edge in evidence(identities).items()}

    for one, (kind, two) in values.items():
        holds = {
            "forced": {one, two} in same,
            "email": by_id[one]["email_key"] == by_id[two]["email_key"] is not None,
            "phone": bool(numbers(by_id[one]) & numbers(by_id[two])),
        }
        assert holds[kind]
    for each, person in persons(identities).items():
        passed = {each}
        while each in values:
            each = values[each][1]
            assert each not in passed
            passed.add(each)
        assert person in (each, None)


MANY = Policy(max_shared=99)
NEWCOMER = PEOPLE.filter(bool).map(lambda rows: rows[0])


def age(rows):
    """Who is older than whom (rule 3.5)."""
    return {row["customer_id"]: (row["created_at"], row["customer_id"]) for row in rows}


def live_people(rows, **others):
    found = persons(resolve(*rows, **others))
    return {each: person for each, person in found.items() if person}


@FEW
@given(PEOPLE, NEWCOMER, st.sampled_from(["b", "d"]))
def test_an_arrival_gives_people_another_id_only_by_joining_them_to_an_older_one(
    rows, newcomer, name
):
    after_rows = [*rows, newcomer | {"customer_id": name}]
    older = age(after_rows)
    before = live_people(rows, policy=MANY)
    after = live_people(after_rows, policy=MANY)

    for each, person in before.items():
        assert after[each] == after[person]
        assert after[each] == person or older[after[each]] < older[person]
    joined = {before[each] for each in before if after[each] == after.get(name)}
    if len(joined) > 1:
        assert len({after[each] for each in joined}) == 1
    untouched = set(before.values()) - joined
    assert all(after[each] == before[each] for each in untouched)


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.sampled_from(["vanish", "delete", "restore", "email_key", "phone_key"]),
        KEYS,
    ),
    max_size=4,
)


def changed(rows, changes):
    """Records that vanish, are deleted or restored, or get another key."""
    table = {row["customer_id"]: dict(row) for row in rows}
    for number, what, key in changes:
        row = table.get(f"c{number}")
        if row is None:
            continue
        if what == "vanish":
            del table[f"c{number}"]
        elif what in {"delete", "restore"}:
            row["is_deleted"] = what == "delete"
        else:
            row[what] = key
    return list(table.values())


@settings(FEW, max_examples=up_to(16))
@given(PEOPLE, CHANGES, DECLARED)
def test_a_person_keeps_its_id_until_its_own_record_is_gone_or_an_older_one_joins(
    rows, changes, declared
):
    after_rows = changed(rows, changes)
    older = age(after_rows)
    before = live_people(rows, declared=declared, policy=LOW)
    after = live_people(after_rows, declared=declared, policy=LOW)
    was_live = {row["customer_id"] for row in rows if not row["is_deleted"]}
    is_live = {row["customer_id"] for row in after_rows if not row["is_deleted"]}

    for person in set(before.values()) & is_live:
        now = after[person]
        if now != person:
            assert older[now] < older[person]
            assert now not in was_live or before[now] != person


@FEW
@given(PEOPLE, DECLARED)
def test_a_record_without_a_shared_key_changes_no_one_else(rows, declared):
    alone = record("b", email="nobody's", phone="none", created_at=0)
    without = resolve(*rows, declared=declared, policy=LOW)
    found = resolve(*rows, alone, declared=declared, policy=LOW)

    others = found[found["record_id"] != "b"].reset_index(drop=True)
    assert_frame_equal(without, others)
    assert persons(found)["b"] == "b"


def test_a_long_chain_is_one_person_with_every_link():
    size = 3000
    records = [
        record(f"c{n:04}", email=f"e{(n + 1) // 2}", phone=f"p{n // 2}")
        for n in range(size)
    ]

    identities = resolve(*records)

    assert set(persons(identities).values()) == {"c0000"}
    assert evidence(identities) == {
        f"c{n:04}": f"{'phone' if n % 2 else 'email'}:c{n - 1:04}"
        for n in range(1, size)
    }
