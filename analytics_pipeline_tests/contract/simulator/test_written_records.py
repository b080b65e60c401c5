from dataclasses import replace

from analytics_pipeline.simulator.projections import Projection
from analytics_pipeline.simulator.written_records import WrittenRecords
from analytics_pipeline_tests.contract.simulator.small_store import (
    make_sale,
    make_store,
)


class Counting(Projection):
    """Counts how often it writes a sale."""

    def __init__(self) -> None:
        super().__init__(nested=False)
        self.count = 0

    def sale(self, sale):
        self.count += 1
        return super().sale(sale)


def written_by(projection, **room):
    return WrittenRecords(projection, lambda: make_store().state.retailer, **room)


def test_each_version_of_a_record_is_written_once():
    projection = Counting()
    written = written_by(projection)
    sale = make_sale()
    changed = replace(sale, version=sale.version + 1, note="changed")
    rows = [written.rows("sales", [row])[0] for row in (sale, sale, changed, changed)]

    assert projection.count == 2
    assert rows == [projection.sale(row) for row in (sale, sale, changed, changed)]


def test_when_the_room_is_full_records_are_still_served_right():
    projection = Counting()
    size = len(projection.sale(make_sale()))
    written = written_by(projection, room=size)
    sales = [make_sale(1), make_sale(2)]
    larger = replace(sales[0], version=sales[0].version + 1, note="a longer note")

    assert written.rows("sales", sales * 2) == [projection.sale(s) for s in sales * 2]
    assert written.rows("sales", [larger]) == [projection.sale(larger)]
    projection.count = 0
    written.rows("sales", [sales[1]] * 2)
    assert projection.count == 1
