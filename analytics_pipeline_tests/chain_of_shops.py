"""Three simulated stores in three time zones, run by one deployment."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from analytics_pipeline.simulator.app import build_app
from analytics_pipeline.simulator.history import Store
from analytics_pipeline.simulator.serving import serve
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

ZONES = {
    "berlin": "Europe/Berlin",
    "north": "America/New_York",
    "sydney": "Australia/Sydney",
}
OPENED_ON = FIRST_DAY - timedelta(days=12)


def token_of(name: str) -> str:
    return f"token-of-{name}"


def write_shop(folder: Path, name: str, **variables: str) -> Path:
    """Write a shop's file, readable by its owner alone; return its path."""
    values = {
        "LIGHTSPEED_DOMAIN_PREFIX": f"{name}store",
        "LIGHTSPEED_TOKEN": token_of(name),
        **variables,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.env"
    lines = [f"{key}={text}\n" for key, text in values.items()]
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return path


@contextmanager
def open_stores(
    root: Path, customers: int = 20, **more: Mapping[str, str]
) -> Iterator[Mapping[str, SimulatedShop]]:
    """Open a store a zone, each of its own seed, and write the files of the chain.

    *more* holds, by shop, what its file says beside where its store is.
    """
    from analytics_pipeline.settings import read_chain

    with ExitStack() as stack:
        stores: dict[str, tuple[Store, Any]] = {}
        for seed, (name, zone) in enumerate(ZONES.items(), start=11):
            store = Store(
                seed, customers=customers, opened_on=OPENED_ON, time_zone=zone
            )
            app = build_app(store, token=token_of(name), rate_limit=1_000_000)
            origin = stack.enter_context(serve(app))
            stores[name] = (store, app.state.simulator)
            write_shop(
                root / "shops",
                name,
                LIGHTSPEED_API_URL=origin,
                ANALYTICS_TIMEZONE=zone,
                ANALYTICS_START_DATE=OPENED_ON.isoformat(),
                **more.get(name, {}),
            )
        chain = read_chain(root / "shops", root / "data")
        shops = {
            name: SimulatedShop(store, simulator, chain.settings_of(name))
            for name, (store, simulator) in stores.items()
        }
        for shop in shops.values():
            shop.live_until(FIRST_DAY)
        yield shops
