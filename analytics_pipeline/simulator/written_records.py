"""Records already written as JSON, so that each version is written once."""

from collections.abc import Callable, Iterable
from typing import Any

from analytics_pipeline.simulator.projections import Projection
from analytics_pipeline.simulator.records import Retailer

ROOM = 16_000_000


class WrittenRecords:
    """Writes records by one projection and keeps what it wrote, up to a bound.

    When the room is full nothing is added any more: a walk through a large store
    would push out exactly what the next walk begins with.
    """

    def __init__(
        self,
        projection: Projection,
        retailer: Callable[[], Retailer],
        *,
        room: int = ROOM,
    ) -> None:
        """Say how records are written and how many bytes may be kept."""
        self._projection = projection
        self._retailer = retailer
        self._kept: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._room = room
        self._writers: dict[str, Callable[[Any], bytes]] = {
            "sales": projection.sale,
            "customers": projection.customer,
            "outlets": lambda outlet: projection.outlet(outlet, retailer()),
            "registers": projection.register,
            "products": projection.product,
            "customer_groups": lambda group: projection.customer_group(
                group, retailer()
            ),
        }

    def retailer(self) -> bytes:
        """Return the store itself as JSON."""
        return self._projection.retailer(self._retailer())

    def rows(self, kind: str, records: Iterable[Any]) -> list[bytes]:
        """Return each record as JSON, in the same order."""
        write = self._writers[kind]
        return [self._row(kind, record, write) for record in records]

    def _row(self, kind: str, record: Any, write: Callable[[Any], bytes]) -> bytes:
        key = (kind, record.id)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == record.version:
            return kept[1]
        row = write(record)
        growth = len(row) - (len(kept[1]) if kept is not None else 0)
        if growth <= self._room:
            self._kept[key] = (record.version, row)
            self._room -= growth
        elif kept is not None:
            self._room += len(self._kept.pop(key)[1])
        return row
