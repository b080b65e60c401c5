"""Draws ``docs/architecture.svg``: the tables as Dagster knows them, row by row.

A table is one row below the last of those that it is made from.  An arrow over
several rows gets a place of its own in each row between, so that it crosses no table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

WIDTH, TABLE_WIDTH, TABLE_HEIGHT, ROW_HEIGHT, LANE = 1240, 216, 52, 104, 44
LIGHTSPEED, WEB_SHOP = "Lightspeed", "web shop"
READ_FROM: Mapping[str, str] = {
    "sales_feed": LIGHTSPEED,
    "outlets": LIGHTSPEED,
    "customers": LIGHTSPEED,
    "products": LIGHTSPEED,
    "ecom_feed": WEB_SHOP,
}
"""What the tables are read from that are made from no other one, and the customers."""

_STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1b1f24; text-anchor: middle }
  .small { font-size: 11.5px; fill: #4a5560 }
  .paper { fill: #ffffff }
  .outside { fill: none; stroke: #6b7785; stroke-dasharray: 5 4 }
  .table { fill: #ffffff; stroke: #2f6f8f; stroke-width: 1.4 }
  .gate { fill: #b3541e }
  .edge { fill: none; stroke: #8795a3; stroke-width: 1.4 }
  .tip { fill: #8795a3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #aab6c2 }
    .paper { fill: #0d1117 }
    .table { fill: #16202b; stroke: #6cb4d6 } .gate { fill: #f0955c }
    .outside { stroke: #93a1af }
  }
"""


@dataclass
class Place:
    """Where something is: a table, a source outside, or an arrow passing by."""

    name: str
    row: int
    is_lane: bool = False
    x: float = WIDTH / 2
    above: list["Place"] = field(default_factory=list)

    @property
    def top(self) -> float:
        return 34 + self.row * ROW_HEIGHT

    @property
    def bottom(self) -> float:
        return self.top + TABLE_HEIGHT

    @property
    def width(self) -> int:
        return LANE if self.is_lane else TABLE_WIDTH


def draw_picture(graph: Any) -> str:
    """Return the picture of an asset *graph* of Dagster."""
    made = graph.materializable_asset_keys
    nodes = {key.path[-1]: graph.get(key) for key in made}
    made_from = {
        name: sorted(key.path[-1] for key in node.parent_keys & made)
        for name, node in sorted(nodes.items())
    }
    rows = _arrange(_direct(made_from))
    height = 34 + len(rows) * ROW_HEIGHT
    tables = [place for row in rows for place in row if not place.is_lane]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'role="img" aria-labelledby="title description">',
        '<title id="title">What each table is made from</title>',
        f'<desc id="description">{escape(_describe(made_from))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/>'
        "</marker></defs>",
        *_arrows(tables),
        *(_box(place, nodes.get(place.name)) for place in tables),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _describe(made_from: Mapping[str, Sequence[str]]) -> str:
    """Say in words what the picture shows, for those who cannot see it."""
    return " ".join(
        f"{name} is made from {', '.join(_parents(name, made_from))}."
        for name in made_from
    )


def _parents(name: str, made_from: Mapping[str, Sequence[str]]) -> list[str]:
    outside = [READ_FROM[name]] if name in READ_FROM else []
    return [*outside, *made_from.get(name, [])]


def _direct(made_from: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Leave out what a table is also made from by way of another: it needs no arrow."""

    def above(name: str) -> set[str]:
        return {each for up in made_from[name] for each in {up, *above(up)}}

    return {
        name: [
            parent
            for parent in parents
            if not any(parent in above(other) for other in parents)
        ]
        for name, parents in made_from.items()
    }


def _arrange(made_from: Mapping[str, Sequence[str]]) -> list[list[Place]]:
    """Give everything a row, and a place in it near what it is made from."""
    places = {name: Place(name, 0) for name in (LIGHTSPEED, WEB_SHOP)}

    def place(name: str) -> Place:
        if name not in places:
            parents = [place(each) for each in _parents(name, made_from)]
            row = 1 + max(parent.row for parent in parents)
            places[name] = Place(name, row, above=parents)
        return places[name]

    for name in made_from:
        place(name)
    rows: list[list[Place]] = [
        [] for _ in range(1 + max(each.row for each in places.values()))
    ]
    for each in places.values():
        rows[each.row].append(each)
    for each in list(places.values()):
        each.above = [_lead(parent, each, rows) for parent in each.above]
    for _ in range(4):
        for row in rows:
            row.sort(key=lambda each: (_middle(each.above, each.x), each.name))
            _spread(row)
    return rows


def _lead(parent: Place, child: Place, rows: Sequence[list[Place]]) -> Place:
    """Return what is right above *child* on its arrow from *parent*: a lane, or it."""
    last = parent
    for row in range(parent.row + 1, child.row):
        known = [
            each for each in rows[row] if each.is_lane and each.name == parent.name
        ]
        lane = known[0] if known else Place(parent.name, row, True, above=[last])
        if not known:
            rows[row].append(lane)
        last = lane
    return last


def _middle(above: Sequence[Place], otherwise: float) -> float:
    return sum(each.x for each in above) / len(above) if above else otherwise


def _spread(row: Sequence[Place]) -> None:
    """Put the places of a row side by side, with the same room between them."""
    room = (WIDTH - sum(each.width for each in row)) / (len(row) + 1)
    left = room
    for each in row:
        each.x = round(left + each.width / 2, 1)
        left += each.width + room


def _arrows(tables: Sequence[Place]) -> Iterator[str]:
    for table in tables:
        for place in table.above:
            points = [place]
            while points[0].is_lane:
                points = [points[0].above[0], *points]
            yield _arrow([*points, table])


def _arrow(points: Sequence[Place]) -> str:
    """Return the arrow from the first of *points* to the last, through the others."""
    source, table = points[0], points[-1]
    x, y = source.x, source.bottom
    path = f"M{x} {y}"
    for point in points[1:]:
        end = point.top if point.is_lane else point.top - 3
        middle = round((y + end) / 2, 1)
        path += f"C{x} {middle} {point.x} {middle} {point.x} {end}"
        path += f"V{point.bottom}" if point.is_lane else ""
        x, y = point.x, point.bottom
    return (
        f'<path class="edge" data-from="{escape(source.name)}" '
        f'data-to="{table.name}" marker-end="url(#tip)" d="{path}"/>'
    )


def _box(place: Place, node: Any) -> str:
    left = round(place.x - TABLE_WIDTH / 2, 1)
    shape = f'x="{left}" y="{place.top}" width="{TABLE_WIDTH}" height="{TABLE_HEIGHT}"'
    if node is None:
        return (
            f'<rect class="outside" rx="26" {shape}/>'
            f'<text x="{place.x}" y="{place.top + 31}">{escape(place.name)}</text>'
        )
    kept = "a file a day" if node.partitions_def else "the latest"
    if place.name == "sales_feed":
        kept = "append-only log"
    checks = len(node.check_keys)
    gate = f'<rect class="gate" x="{left}" y="{place.top - 2}" height="5" '
    gate += f'width="{TABLE_WIDTH}"/>'
    return (
        f'<rect class="table" rx="6" {shape}/>{gate if checks else ""}'
        f'<text x="{place.x}" y="{place.top + 25}">{place.name}</text>'
        f'<text class="small" x="{place.x}" y="{place.top + 42}">{kept} · '
        f"{checks} checks</text>"
    )
