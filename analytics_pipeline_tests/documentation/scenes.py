"""What has happened in the shop when a page shows what to do about it."""

import csv
import random
from collections.abc import Callable, Mapping

from analytics_pipeline.simulator.export import write_export
from analytics_pipeline_tests.documentation.desk import Desk
from analytics_pipeline_tests.documentation.pages import Typed

MASTER = "customer_analytics_master.csv"


def cut_off_the_export(desk: Desk) -> None:
    path = desk.data / "ecom_orders_export.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.rindex(";") - 40], encoding="utf-8")


def clear_old_records(desk: Desk) -> None:
    """Take customers out of Lightspeed without a deletion, and read it all again."""
    customers = desk.shop.store.state.customers
    bought = {sale.customer_id for sale in desk.shop.store.state.sales.values()}
    for identity in (
        sorted(set(customers) - bought)[:4]
        + sorted(bought & set(customers) - {desk.shop.store.state.default_customer_id})[
            :14
        ]
    ):
        del customers[identity]
    answer = desk.type(Typed("analytics-pipeline update --full", (), ()))
    assert answer.exit_code == 1, answer.text
    assert "no_person_vanished" in answer.text, answer.text


def forget_the_person(desk: Desk) -> None:
    """Delete the customer of the examples in Lightspeed and in the web shop."""
    state = desk.shop.store.state
    for customer in state.customers.values():
        if customer.email == desk.customer:
            customer.deleted_at = state.now
            customer.version = 1 + max(
                each.version for each in state.customers.values()
            )
    for number, order in list(state.web_orders.items()):
        if order.email == desk.customer:
            del state.web_orders[number]
    write_export(state, desk.folder / "orders.csv")


def bring_an_old_master(desk: Desk) -> None:
    """Put a master of the earlier scripts beside the new one, some of it other."""
    with (desk.data / MASTER).open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    dice = random.Random(1)
    kept = [
        ["30d" if cell == "active" else cell for cell in row]
        for row in rows
        if dice.random() < 0.8
    ]
    with (desk.folder / "old_master.csv").open(
        "w", newline="", encoding="utf-8"
    ) as stream:
        names = ["Avg Order" if name == "Average Order" else name for name in header]
        csv.writer(stream).writerows([names, *kept])


SCENES: Mapping[tuple[str, str], Callable[[Desk], None]] = {
    ("A failed gate", "analytics-pipeline update  # exit code 1"): cut_off_the_export,
    (
        "When a gate fails",
        "analytics-pipeline update --accept no_person_vanished "
        '--reason "Old records were cleared"',
    ): clear_old_records,
    (
        "Compare the two, side by side",
        ".venv/bin/python compare.py",
    ): bring_an_old_master,
    ("Erase a person", "analytics-pipeline import-ecom orders.csv"): forget_the_person,
}
"""By the heading and the command before which it happens."""
