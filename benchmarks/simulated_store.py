"""The simulated store in a process of its own, steered line by line.

``python -m benchmarks.simulated_store`` reads what to serve from its standard input,
one JSON object a line, and answers each with one line: first the store itself, then
``{"advance": MOMENT, "export": PATH}`` as often as wanted.  It ends with its input.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, MeasureFailed

TOKEN = "simulated"


@dataclass
class StoreProcess:
    """The store as the benchmarks steer it; ``origins`` by milliseconds of latency."""

    process: "subprocess.Popen[str]"
    origins: Mapping[str, str]

    def advance(self, moment: datetime, export: Path) -> dict[str, int]:
        """Let the store live until *moment*; return how much it holds then."""
        order = {"advance": moment.isoformat(), "export": str(export)}
        return dict(ask(self.process, order))


@contextmanager
def serving(**store: Any) -> Iterator[StoreProcess]:
    """Serve a store: its seed, customers, first day, sales a day and latencies."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.simulated_store"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield StoreProcess(process, ask(process, store))
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


def _open_store(order: Mapping[str, Any]) -> Any:
    from analytics_pipeline.simulator.history import Store

    store = Store(
        order["seed"],
        customers=order["customers"],
        opened_on=date.fromisoformat(order["opened_on"]),
        sales_per_day=order["sales_per_day"],
    )
    if order.get("older_customers"):
        from benchmarks.older_customers import older_customers

        for customer in older_customers(order["older_customers"]):
            store.state.customers[customer.id] = customer
    return store


def _late(app: Any, seconds: float) -> Any:
    """Answer every request so much later, many at a time."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(seconds)
        await app(scope, receive, send)

    return answer if seconds else app


def main() -> None:
    """Serve the store that the first line describes, and obey the others."""
    from analytics_pipeline.simulator.app import build_app
    from analytics_pipeline.simulator.export import write_export
    from analytics_pipeline.simulator.serving import serve

    order = json.loads(sys.stdin.readline())
    store = _open_store(order)
    store.advance_to(datetime.fromisoformat(order["advance"]))
    with ExitStack() as servers:
        origins = {}
        for latency in order["latencies"]:
            app = build_app(store, token=TOKEN, rate_limit=10_000_000)
            served = serve(_late(app, latency / 1000))
            origins[str(latency)] = servers.enter_context(served)
        print(json.dumps(origins), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            moment = datetime.fromisoformat(order["advance"])
            if moment > store.state.now:
                store.advance_to(moment)
            write_export(store.state, Path(order["export"]))
            held = {
                "sales": len(store.state.sales),
                "customers": len(store.state.customers),
            }
            print(json.dumps(held), flush=True)


if __name__ == "__main__":
    main()
