"""Faults of a web shop that is read over its API."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from pydantic import SecretStr

from analytics_pipeline_tests.system.incidents.incident import Incident, seeded
from analytics_pipeline_tests.system.incidents.ordinary_shop import OrdinaryShop

WARN, ERROR = "WARN", "ERROR"
UNUSABLE = Decimal("1e30")


def read_by_api(shop: OrdinaryShop) -> None:
    """Let web orders be read from the web shop itself from now on."""
    ways = {
        "ecwid_store_id": "10203040",
        "ecwid_token": SecretStr("ordinary"),
        "ecwid_api_url": "http://127.0.0.1:9/api/v3",
    }
    shop.settings = shop.settings.model_copy(update=ways)


def spoil(count: int) -> Callable[[OrdinaryShop], None]:
    """Let so many orders have totals that cannot be money."""

    def act(shop: OrdinaryShop) -> None:
        read_by_api(shop)
        for order in list(shop.state.web_orders.values())[:count]:
            order.total = UNUSABLE

    return act


def hide(count: int) -> Callable[[OrdinaryShop], None]:
    """Let so many known orders be in no list of the web shop, deleted or not."""

    def act(shop: OrdinaryShop) -> None:
        read_by_api(shop)
        for number in list(shop.state.web_orders)[:count]:
            del shop.state.web_orders[number]

    return act


OF_THE_WEB_SHOP: Sequence[Incident] = (
    Incident(
        "a web order beyond money", "ecom_feed", "rows_are_sound", WARN,
        "the web shop delivers an order whose total cannot be money",
        r"1 record in quarantine is out of every figure",
        seeded(spoil(1)),
    ),
    Incident(
        "web orders beyond money", "ecom_feed", "rows_are_sound", ERROR,
        "the web shop delivers many orders whose totals cannot be money",
        r"11 of \d+ records just read were rejected, more than the 10 allowed",
        seeded(spoil(11)),
    ),
    Incident(
        "a web order that is gone", "ecom_feed", "known_orders_are_there", WARN,
        "the web shop does not show an order that was known, and did not delete it",
        r"1 known web order is neither shown by the web shop nor among its deleted",
        seeded(hide(1)),
    ),
    Incident(
        "another web shop", "ecom_feed", "known_orders_are_there", ERROR,
        "the number and the token are those of another web shop",
        r"\d+ known web orders are neither shown by the web shop nor among",
        seeded(hide(40)),
    ),
)  # fmt: skip
