"""Tests for analytics_pipeline.domain.identity (rule 3.4)."""

import numpy as np
import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st

from analytics_pipeline.domain.identity import begins, sort_once, span_forest

SIZE = 12
ENDS = st.integers(0, SIZE - 1)
EDGES = st.lists(st.tuples(ENDS, ENDS), unique=True, max_size=30)


def span(edges, size=SIZE):
    table = pd.DataFrame(edges, columns=["left", "right"], dtype="int64")
    taken, tree = span_forest(table, size)
    return [tuple(edge) for edge in taken.to_numpy().tolist()], tree.tolist()


def take_one_by_one(edges, size=SIZE):
    tree = list(range(size))
    taken = []
    for left, right in edges:
        one, two = sorted((tree[left], tree[right]))
        if one != two:
            taken.append((left, right))
            tree = [one if each == two else each for each in tree]
    return taken, tree


@given(EDGES)
@example([(0, 1), (2, 3), (1, 2), (0, 3)])
@example([(n, n + 1) for n in reversed(range(SIZE - 1))])
def test_the_forest_is_that_of_edges_taken_one_by_one(edges):
    assert take_one_by_one(edges) == span(edges)


def test_no_edges_and_no_records_span_nothing():
    assert span([], size=3) == ([], [0, 1, 2])
    assert span([], size=0) == ([], [])


@given(st.lists(st.integers(-3, 3), max_size=9))
def test_numbers_are_sorted_and_unique(numbers):
    table = np.array(numbers, dtype="int64")

    assert sort_once(table).tolist() == sorted(set(numbers))
    assert begins(np.sort(table)).sum() == len(set(numbers))
