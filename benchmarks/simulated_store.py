"""The simulated store in a process of its own, steered line by line.

``python -m benchmarks.simulated_store`` reads what to serve from its standard input,
one JSON object a line, and answers each with one line: first the store itself, then
``{"advance": MOMENT, "export": PATH}`` as often as wanted.  It ends with its input.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness import ROOT, MeasureFailed

TOKEN = "simulated"

DAYS_READ_AGAIN = 7
"""How many days an update reads again."""


@dataclass
class StoreProcess:
    """The store as the benchmarks steer it, and where it is served."""

    process: "subprocess.Popen[str]"
    origin: str

    def advance(self, moment: datetime, export: Path) -> dict[str, int]:
        """Let the store live until *moment*; return what it holds, and what changed."""
        order = {"advance": moment.isoformat(), "export": str(export)}
        return dict(ask(self.process, order))


@contextmanager
def serving(**store: Any) -> Iterator[StoreProcess]:
    """Serve a store: its seed, customers, first day, sales a day and present day."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.simulated_store"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield StoreProcess(process, ask(process, store)["origin"])
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()


def ask(process: "subprocess.Popen[str]", order: Mapping[str, Any]) -> dict[str, Any]:
    """Send one line and return the answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise MeasureFailed("The simulated store ended.")
    answer: dict[str, Any] = json.loads(line)
    return answer


def count_requests(origin: str) -> int:
    """Return how many requests the store has counted so far."""
    from urllib.request import urlopen

    with urlopen(f"{origin}/_simulator/stats") as reply:
        return int(json.load(reply)["total"])


def _open_store(order: Mapping[str, Any]) -> Any:
    from analytics_pipeline.simulator.history import Store

    store = Store(
        order["seed"],
        customers=order["customers"],
        opened_on=date.fromisoformat(order["opened_on"]),
        sales_per_day=order["sales_per_day"],
    )
    if order.get("older_customers"):
        from benchmarks.invented_people import older_customers

        for customer in older_customers(order["older_customers"]):
            store.state.customers[customer.id] = customer
    return store


def main() -> None:
    """Serve the store that the first line describes, and obey the others."""
    from analytics_pipeline.simulator.app import build_app
    from analytics_pipeline.simulator.export import write_export
    from analytics_pipeline.simulator.serving import serve

    order = json.loads(sys.stdin.readline())
    store = _open_store(order)
    store.advance_to(datetime.fromisoformat(order["advance"]))
    app = build_app(store, token=TOKEN, rate_limit=10_000_000)
    with serve(app) as origin:
        print(json.dumps({"origin": origin}), flush=True)
        newest = _Newest(0, 0)
        for line in sys.stdin:
            order = json.loads(line)
            moment = datetime.fromisoformat(order["advance"])
            if moment > store.state.now:
                store.advance_to(moment)
            write_export(store.state, Path(order["export"]))
            print(json.dumps(_count(store.state, newest)), flush=True)
            newest = _newest_versions(store.state)


class _Newest(NamedTuple):
    """The newest version of sales and customers, and that of products."""

    record: int
    product: int


def _count(state: Any, since: _Newest) -> dict[str, int]:
    """Return how many records there are, and of later versions than *since*."""
    recent = state.now - timedelta(days=DAYS_READ_AGAIN + 1)
    sales, customers = state.sales.values(), state.customers.values()
    products = state.products.values()
    return {
        "sales": len(sales),
        "customers": len(customers),
        "changed sales": sum(each.version > since.record for each in sales),
        "changed customers": sum(each.version > since.record for each in customers),
        "changed products": sum(each.version > since.product for each in products),
        "recent sales": sum(each.sale_date > recent for each in sales),
    }


def _newest_versions(state: Any) -> _Newest:
    both = (*state.sales.values(), *state.customers.values())
    return _Newest(
        max(int(each.version) for each in both),
        max(int(each.version) for each in state.products.values()),
    )


if __name__ == "__main__":
    main()
