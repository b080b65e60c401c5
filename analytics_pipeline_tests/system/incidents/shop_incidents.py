"""Faults of the shop, its tills, its web shop, its settings and its files."""

import re
import shutil
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from analytics_pipeline.simulator.records import Sale, WebOrder
from analytics_pipeline_tests.doctored import DoctoredTransport
from analytics_pipeline_tests.system.incidents.incident import (
    BAD_DAY,
    DAY_BEFORE,
    Incident,
    an_earlier_sale,
    forget,
    people_of,
    seeded,
    todays,
)
from analytics_pipeline_tests.system.incidents.ordinary_shop import EXPORT, OrdinaryShop

ZERO = Decimal(0)
WARN, ERROR = "WARN", "ERROR"
ONLY_CUSTOMERS = ("customers", "customer_identities", "customer_analytics")
ONLY_EXPORT = ("ecom_orders", "customer_identities", "ecom_reconciliation")

ONLY_PEOPLE_OF_THE_EXPORT = ("ecom_orders", "customer_identities", "customer_analytics")


# Sales ---------------------------------------------------------------------------


def multiply(share: Decimal) -> Callable[[OrdinaryShop], None]:
    """Multiply every amount of the day by *share*."""

    def act(shop: OrdinaryShop) -> None:
        for sale in todays(shop):
            for line in sale.lines:
                line.total, line.tax_total = line.total * share, line.tax_total * share
            for payment in sale.payments:
                payment.amount *= share
            shop.change(
                sale,
                total_price=sale.total_price * share,
                total_tax=sale.total_tax * share,
                total_price_incl=sale.total_price_incl * share,
            )

    return act


def switch_tax_off(shop: OrdinaryShop) -> None:
    for sale in todays(shop):
        for line in sale.lines:
            line.tax_total = ZERO
        shop.change(sale, total_tax=ZERO, total_price_incl=sale.total_price)


def shift_hours(hours: int) -> Callable[[OrdinaryShop], None]:
    """Let the clock of the tills be wrong by so many *hours*."""

    def act(shop: OrdinaryShop) -> None:
        for sale in todays(shop):
            shop.change(sale, sale_date=sale.sale_date + timedelta(hours=hours))

    return act


def sync_again(shop: OrdinaryShop) -> None:
    for sale in todays(shop):
        again = deepcopy(sale)
        again.id = shop.store._shop.timeline.new_id()
        again.version = shop.next_version()
        shop.state.sales[again.id] = again


def spell_twice(records: dict[str, Any], record: Any, shop: OrdinaryShop) -> None:
    """Put *record* in twice, under ids that differ only in the case of a letter."""
    del records[record.id]
    for name in ("Number-7", "number-7"):
        records[name] = deepcopy(record)
        records[name].id, records[name].version = name, shop.next_version()


def leave_out_half(shop: OrdinaryShop) -> None:
    forget(shop, todays(shop)[::2])


def leave_out_all(shop: OrdinaryShop) -> None:
    forget(shop, shop.sales_of(BAD_DAY))


def unplug_an_outlet(shop: OrdinaryShop) -> None:
    _, station = sorted(shop.state.outlets.values(), key=lambda one: one.name)[:2]
    forget(shop, [sale for sale in todays(shop) if sale.outlet_id == station.id])


def use_an_unknown_word(shop: OrdinaryShop) -> None:
    shop.change(todays(shop)[0], status="ARCHIVED", state="archived")


def forget_the_year(shop: OrdinaryShop) -> None:
    shop.change(todays(shop)[0], sale_date=datetime(2020, 1, 1, 17, tzinfo=UTC))


def break_sales(count: int) -> Callable[[OrdinaryShop], None]:
    def act(shop: OrdinaryShop) -> None:
        for sale in todays(shop)[:count]:
            shop.change(sale, total_price_incl=None)

    return act


def hide_a_sale(shop: OrdinaryShop) -> None:
    """Let the search show a sale that neither the feed nor its own address has."""
    hidden: Sale = todays(shop)[0]

    def change(path: str, record: dict[str, Any]) -> bool:
        return path == "search" or record.get("id") != hidden.id

    shop.wrap = lambda asked: DoctoredTransport(change, asked)


def lose_sales_in_a_full_read(count: int) -> Callable[[OrdinaryShop], None]:
    def act(shop: OrdinaryShop) -> None:
        shop.full = True
        earlier = sorted(shop.state.sales.values(), key=lambda sale: sale.version)
        forget(shop, earlier[:count])

    return act


def nothing(_shop: OrdinaryShop) -> None:
    """Do nothing: the fault lies in what is run."""


OF_SALES: Sequence[Incident] = (
    Incident(
        "half the sales missing", "raw_sales", "volume_is_usual", WARN,
        "every other sale of the day never reached Lightspeed",
        r"\d+ orders; a normal Thursday has \d+",
        seeded(leave_out_half),
    ),
    Incident(
        "no sales at all", "raw_sales", "volume_is_usual", WARN,
        "the feed is stuck: after the night before the day has no sale",
        r"^[0-3] orders?; a normal Thursday has \d+",
        seeded(leave_out_all),
    ),
    Incident(
        "one outlet offline", "raw_sales", "volume_is_usual", WARN,
        "the tills of one outlet are offline all day",
        r"^Outlet \S+: 0 orders; a normal Thursday has \d+",
        seeded(unplug_an_outlet),
    ),
    Incident(
        "currency times a hundred", "raw_sales", "prices_are_usual", ERROR,
        "amounts arrive a hundred times too large: cents taken for dollars",
        r"The median order value is [\d.,]+; normally it is",
        seeded(multiply(Decimal(100))),
    ),
    Incident(
        "dollars taken for cents", "raw_sales", "prices_are_usual", ERROR,
        "amounts arrive a hundred times too small: dollars taken for cents",
        r"The median order value is [\d.,]+; normally it is",
        seeded(multiply(Decimal("0.01"))),
    ),
    Incident(
        "all totals zero", "raw_sales", "prices_are_usual", ERROR,
        "every sale of the day is worth nothing",
        r"\d+ of \d+ orders are worth nothing; usually",
        seeded(multiply(ZERO)),
    ),
    Incident(
        "prices four times as high", "raw_sales", "prices_are_usual", WARN,
        "a price list that is four times as dear",
        r"The median order value is [\d.,]+; normally it is",
        seeded(multiply(Decimal(4))),
    ),
    Incident(
        "tax switched off", "raw_sales", "tax_is_usual", WARN,
        "the tills add no tax any more",
        r"\d+ of \d+ sales hold tax; usually",
        seeded(switch_tax_off),
    ),
    Incident(
        "clocks six hours slow", "raw_sales", "hours_are_usual", WARN,
        "the time zone of the tills is wrong: six hours too early",
        r"\d+ of \d+ sales are at hours at which the shop hardly ever sells",
        seeded(shift_hours(-6)),
    ),
    Incident(
        "clocks six hours fast", "raw_sales", "hours_are_usual", WARN,
        "the clocks of the tills are six hours fast",
        r"\d+ of \d+ sales are at hours at which the shop hardly ever sells",
        seeded(shift_hours(6)),
    ),
    Incident(
        "sales synced twice", "raw_sales", "sales_stand_once", WARN,
        "a till sends every sale of the day a second time, under new ids",
        r"\d+ of \d+ sales repeat another one",
        seeded(sync_again),
    ),
    Incident(
        "a sale under two spellings", "raw_sales", "ids_differ_in_more_than_case", WARN,
        "a sale appears twice, under ids that differ only in a capital letter",
        r"The ids of 2 sales differ only in the case of their letters",
        seeded(lambda shop: spell_twice(shop.state.sales, todays(shop)[0], shop)),
    ),
    Incident(
        "an unknown status", "raw_sales", "words_are_known", WARN,
        "a sale has an unknown status: it counts for nothing",
        r"1 sale has a state, status or attribute that is not known",
        seeded(use_an_unknown_word),
    ),
    Incident(
        "a till in the year 2020", "raw_sales", "starts_with_the_first_sale", WARN,
        "the clock of a till is set to a year before the first day",
        r"1 sale is earlier than ANALYTICS_START_DATE",
        seeded(forget_the_year),
    ),
    Incident(
        "sales cut before they were read", "raw_sales", "is_caught_up", ERROR,
        "a day is made before Lightspeed was read after its end",
        r"were not read to the end since 2026-11-05 ended",
        seeded(nothing), tables=("raw_sales",),
    ),
    Incident(
        "one broken sale", "sales_feed", "rows_are_sound", WARN,
        "a sale has no total: it is rejected and out of every figure",
        r"1 record in quarantine is out of every figure",
        seeded(break_sales(1)),
    ),
    Incident(
        "quarantine overflows", "sales_feed", "rows_are_sound", ERROR,
        "many sales have no total",
        r"15 of \d+ records just read were rejected, more than the 10 allowed",
        seeded(break_sales(15)),
    ),
    Incident(
        "a sale that cannot be fetched", "sales_feed", "agrees_with_search", ERROR,
        "the search shows a sale that the feed does not have and that cannot be "
        "fetched",
        r"1 differed, 0 have been repaired, 1 could not be",
        seeded(hide_a_sale),
    ),
    Incident(
        "a full read lacks many sales", "sales_feed", "no_known_sale_is_lost", ERROR,
        "a full read lacks hundreds of sales that were known",
        r"The full read lacks 200 of the [\d,]+ sales",
        seeded(lose_sales_in_a_full_read(200)),
    ),
    Incident(
        "a full read lacks three sales", "sales_feed", "no_known_sale_is_lost", WARN,
        "three sales that were known are unknown to Lightspeed",
        r"3 sales that the log held are unknown to Lightspeed now",
        seeded(lose_sales_in_a_full_read(3)),
    ),
)  # fmt: skip


# Outlets and the store -------------------------------------------------------------


def move_the_store(shop: OrdinaryShop) -> None:
    shop.state.retailer.time_zone = "America/Chicago"


def lose_an_outlet(shop: OrdinaryShop) -> None:
    shop.state.outlets.popitem()


def lose_the_country(shop: OrdinaryShop) -> None:
    shop.state.retailer.country = ""


def sell_in_dollars_of_canada(shop: OrdinaryShop) -> None:
    *_, outlet = shop.state.outlets.values()
    shop.change(outlet, currency="CAD")


def sell_in_dinars(shop: OrdinaryShop) -> None:
    shop.state.retailer.currency = "KWD"
    for outlet in shop.state.outlets.values():
        shop.change(outlet, currency="KWD")


def move_to_the_euro(shop: OrdinaryShop) -> None:
    shop.state.retailer.currency = "EUR"
    for outlet in shop.state.outlets.values():
        shop.change(outlet, currency="EUR")


def rename_the_country(shop: OrdinaryShop) -> None:
    shop.state.retailer.country = "UK"


OF_OUTLETS: Sequence[Incident] = (
    Incident(
        "an outlet of another currency", "outlets", "one_currency", ERROR,
        "one outlet sells in another currency than the store",
        r"The shop sells in several currencies: CAD \(outlet \S+\), USD \(the store",
        seeded(sell_in_dollars_of_canada),
    ),
    Incident(
        "a currency of three decimals", "outlets", "one_currency", ERROR,
        "the store sells in a currency of three decimals",
        r"The shop sells in KWD, which has 3 decimals",
        seeded(sell_in_dinars),
    ),
    Incident(
        "a currency that changed", "outlets", "one_currency", ERROR,
        "the store changes its currency",
        r"The shop sells in EUR now, but the stored sales are in USD",
        seeded(move_to_the_euro),
    ),
    Incident(
        "the store's zone changed", "outlets", "time_zone_agrees", WARN,
        "somebody changed the time zone in the settings of the store",
        r"ANALYTICS_TIMEZONE is America/New_York; the store says America/Chicago",
        seeded(move_the_store),
    ),
    Incident(
        "an outlet vanished", "outlets", "outlets_are_all_there", ERROR,
        "an outlet that was known is not named any more",
        r"Lightspeed names 2 outlets; 1 known ones are gone",
        seeded(lose_an_outlet),
    ),
    Incident(
        "the store's country is gone", "outlets", "phone_region_is_known", WARN,
        "the store names no country any more",
        r"The store names no country, so phone numbers",
        seeded(lose_the_country),
    ),
    Incident(
        "the store's country is no region", "outlets", "phone_region_is_known", WARN,
        "the store names a country as phone numbers do not know it, such as UK for GB",
        r"The store names the country UK, which is GB for phone numbers",
        seeded(rename_the_country),
    ),
)  # fmt: skip


# People --------------------------------------------------------------------------


def give_all_one_phone(shop: OrdinaryShop) -> None:
    for person in people_of(shop):
        shop.change(person, phone="(212) 555-0142", mobile=None)


def spoil_emails(shop: OrdinaryShop) -> None:
    for person in people_of(shop)[:25]:
        if person.email:
            shop.change(person, email=person.email.replace("@", " at "))


def share_fields(shop: OrdinaryShop) -> None:
    first, second, third, *_ = (each for each in people_of(shop) if each.email)
    for person in (first, second):
        shop.change(person, email=f"{person.email}; {third.email}")


def break_records(count: int) -> Callable[[OrdinaryShop], None]:
    def act(shop: OrdinaryShop) -> None:
        for person in people_of(shop)[:count]:
            shop.change(person, created_at=None)

    return act


def share_an_email(shop: OrdinaryShop) -> None:
    first, *others = people_of(shop)
    stranger = next(
        each
        for each in others
        if each.first_name != first.first_name and each.last_name != first.last_name
    )
    shop.change(stranger, email=first.email)


def keep_apart(shop: OrdinaryShop) -> None:
    customers = shop.state.customers
    left, right = next(
        pair
        for pair in shop.store._shop.crowd.duplicates
        if all(customers[identity].deleted_at is None for identity in pair)
    )
    (shop.data / "identity_overrides.csv").write_text(
        f"left_id,right_id,rule,reason\n{left},{right},different,twins\n"
    )


def lose_people(shop: OrdinaryShop) -> None:
    shop.full = True
    for person in people_of(shop)[:15]:
        del shop.state.customers[person.id]


def damage_figures(shop: OrdinaryShop) -> None:
    path = shop.data / f"warehouse/customer_analytics/{DAY_BEFORE}.parquet"
    path.write_bytes(path.read_bytes()[:100])


def mistype_a_threshold(shop: OrdinaryShop) -> None:
    (shop.data / "analytics.toml").write_text(
        "[tier_thresholds]\nSprout = 2.50\nBloom = 750\nEvergreen = 1500\n"
    )


def edit_late(shop: OrdinaryShop, *then: str) -> None:
    """Let an earlier sale be corrected, and only the tables *then* be made again."""
    sale = an_earlier_sale(shop)
    shop.change(sale, total_price_incl=sale.total_price_incl + 10)
    shop.update(BAD_DAY, then)
    assert shop.failure is None


OF_PEOPLE: Sequence[Incident] = (
    Incident(
        "one broken record", "customers", "rows_are_sound", WARN,
        "a customer record has no date of creation: it is rejected",
        r"1 record in quarantine is out of every figure",
        seeded(break_records(1)),
    ),
    Incident(
        "many broken records", "customers", "rows_are_sound", ERROR,
        "many customer records have no date of creation",
        r"12 of \d+ records just read were rejected, more than the 10 allowed",
        seeded(break_records(12)),
    ),
    Incident(
        "a record under two spellings", "customers", "ids_differ_in_more_than_case",
        WARN,
        "a record appears twice, under ids that differ only in a capital letter",
        r"The ids of 2 customer records differ only in the case of their letters",
        seeded(lambda it: spell_twice(it.state.customers, people_of(it)[0], it)),
    ),
    Incident(
        "two addresses in a field", "customers", "contacts_hold_one_address", WARN,
        "two records have several addresses in the e-mail field",
        r"^2 customer records have several addresses in the e-mail field",
        seeded(share_fields),
    ),
    Incident(
        "e-mails lose their validity", "customers", "contacts_are_valid", WARN,
        "a form lets people type e-mails that cannot be one",
        r"\d+ of \d+ e-mails are not valid; usually \d+ are",
        seeded(spoil_emails),
    ),
    Incident(
        "all phones equal", "customer_identities", "placeholders_are_few", WARN,
        "somebody overwrote every phone number with that of the shop",
        r"\d+ of \d+ records have a contact that is a placeholder or that many share",
        seeded(give_all_one_phone),
        tables=("customers", "customer_identities"), begins_at="customer_analytics",
    ),
    Incident(
        "two people with one e-mail", "customer_identities", "people_look_right", WARN,
        "two people with different names have one e-mail",
        r"1 person may be several: 0 have more than \d+ records, 1 has names",
        seeded(share_an_email),
        tables=("customers", "customer_identities"), begins_at="customer_analytics",
    ),
    Incident(
        "twins kept apart", "customer_identities", "nothing_is_kept_apart", WARN,
        "identity_overrides.csv keeps two records apart that share a contact",
        r"\d+ shared keys join no one",
        seeded(keep_apart), begins_at="customer_identities",
    ),
    Incident(
        "people vanish", "customer_analytics", "no_person_vanished", ERROR,
        "a full read lacks customer records that were known, without a deletion",
        r"15 people of the last published master are gone",
        seeded(lose_people), begins_at="customer_analytics", tables=ONLY_CUSTOMERS,
    ),
    Incident(
        "the last figures are damaged", "customer_analytics", "no_person_vanished",
        WARN,
        "the file with the figures of the day before is damaged",
        r"The last master's people cannot be compared",
        seeded(damage_figures), begins_at="customer_analytics",
    ),
    Incident(
        "a threshold mistyped", "customer_analytics", "tiers_move_slowly", WARN,
        "analytics.toml says 2.50 instead of 250 for a tier",
        r"\d+ people have another tier than 1 day before",
        seeded(mistype_a_threshold), begins_at="customer_analytics",
        tables=ONLY_CUSTOMERS[1:],
    ),
    Incident(
        "analytics of sales that moved on", "customer_analytics", "sales_are_current",
        ERROR,
        "the analytics are made alone after an older sale was corrected",
        r"1 day of raw_sales is not what the log says",
        seeded(lambda shop: edit_late(shop, "sales_feed")),
        begins_at="customer_analytics",
    ),
    Incident(
        "analytics before reading", "customer_analytics", "is_caught_up", ERROR,
        "the analytics of a day are made before Lightspeed was read after its end",
        r"were not read to the end since 2026-11-05 ended",
        seeded(nothing), tables=("customer_analytics",),
    ),
    Incident(
        "buyers before reading", "first_time_buyers", "is_caught_up", ERROR,
        "the first-time buyers of a day are made before Lightspeed was read after it",
        r"were not read to the end since 2026-11-05 ended",
        seeded(nothing), tables=("first_time_buyers",),
    ),
    Incident(
        "master before reading", "customer_analytics_master", "is_caught_up", ERROR,
        "the master of a day is made before Lightspeed was read after its end",
        r"were not read to the end since 2026-11-05 ended",
        seeded(nothing), tables=("customer_analytics_master",),
    ),
)  # fmt: skip


# What changed since the master before ------------------------------------------------


def damage_the_memory(shop: OrdinaryShop) -> None:
    folder = shop.data / "warehouse/customer_changes/published"
    path = folder / f"{DAY_BEFORE}.parquet"
    path.write_bytes(path.read_bytes()[:100])


def forget_versions(shop: OrdinaryShop) -> None:
    """Correct an older sale, read everything again twice, and remove what was known."""
    shop.full = True
    for _ in range(2):
        edit_late(shop, "sales_feed", "customers")
    shop.full = False
    for folder in sorted((shop.data / "warehouse/sales_feed").glob("generation-*"))[
        :-1
    ]:
        shutil.rmtree(folder)


def break_products(count: int) -> Callable[[OrdinaryShop], None]:
    """Let so many products change, and be delivered without a sound deletion."""

    def act(shop: OrdinaryShop) -> None:
        some = list(shop.state.products.values())[:count]
        for product in some:
            shop.change(product, name="Oak tray, large")
        ids = {product.id for product in some}

        def change(path: str, record: dict[str, Any]) -> bool:
            if path == "products" and record["id"] in ids:
                record["deleted_at"] = "long ago"
            return True

        shop.wrap = lambda asked: DoctoredTransport(change, asked)

    return act


def lose_a_product(shop: OrdinaryShop) -> None:
    shop.full = True
    del shop.state.products[next(iter(shop.state.products))]


def sell_what_is_not_listed(shop: OrdinaryShop) -> None:
    """Let two lines of a sale name products that the store does not list."""
    sale = next(each for each in todays(shop) if len(each.lines) > 1)
    for line in sale.lines[:2]:
        line.product_id = shop.store._shop.timeline.new_id()
    shop.change(sale)


OF_PRODUCTS: Sequence[Incident] = (
    Incident(
        "one broken product", "products", "rows_are_sound", WARN,
        "a product was deleted at no time: it is rejected, and stays as it was",
        r"1 record in quarantine is as last known",
        seeded(break_products(1)), begins_at="products",
    ),
    Incident(
        "many broken products", "products", "rows_are_sound", ERROR,
        "many products were deleted at no time",
        r"12 of \d+ records just read were rejected, more than the 10 allowed",
        seeded(break_products(12)), begins_at="products",
    ),
    Incident(
        "a product that is gone", "products", "known_products_are_there", WARN,
        "a full read lacks a product that was known",
        r"The full read lacks 1 of \d+ products; what it lacks stays as it was",
        seeded(lose_a_product), begins_at="products",
    ),
    Incident(
        "goods that are not listed", "sale_lines", "products_are_known", WARN,
        "a sale names products that Lightspeed does not list",
        r"2 products on 2 lines of the day are not among the \d+ products",
        seeded(sell_what_is_not_listed),
    ),
)  # fmt: skip


OF_CHANGES: Sequence[Incident] = (
    Incident(
        "changes of sales that moved on", "customer_changes", "sales_are_current",
        ERROR,
        "the changes are made alone after an older sale was corrected",
        r"1 day of raw_sales is not what the log says",
        seeded(lambda shop: edit_late(shop, "sales_feed")),
        begins_at="customer_changes",
    ),
    Incident(
        "figures that are out of date", "customer_changes", "figures_are_current",
        ERROR,
        "an older sale is corrected and its day made again, but not the figures",
        r"The figures are not what sales and web orders come to now",
        seeded(lambda shop: edit_late(shop, "sales_feed", "raw_sales")),
        begins_at="customer_changes",
    ),
    Incident(
        "a damaged memory", "customer_changes", "earlier_master_is_known", WARN,
        "the file with what the master before was made from is damaged",
        r"What the master of 2026-11-04 was made from cannot be read",
        seeded(damage_the_memory), begins_at="customer_changes",
    ),
    Incident(
        "read again twice", "customer_changes", "causes_are_known", WARN,
        "a sale was corrected, everything read again, and what was known removed",
        r"1 change has no known cause",
        seeded(forget_versions), begins_at="raw_sales",
    ),
)  # fmt: skip


# The web shop ------------------------------------------------------------------------


def rewrite(change: Callable[[str], str]) -> Callable[[OrdinaryShop], None]:
    """Change the text of the export."""

    def act(shop: OrdinaryShop) -> None:
        path = shop.data / EXPORT
        path.write_text(change(path.read_text("utf-8")), "utf-8", newline="")
        shop.date_export(shop.now)

    return act


def truncate(text: str) -> str:
    """Cut the export in the middle of a row."""
    return text[: text.rindex(";", 0, len(text) // 2)]


def use_decimal_commas(text: str) -> str:
    return "".join(
        ";".join(
            cell.replace(".", ",") if cell.replace(".", "").isdigit() else cell
            for cell in line.split(";")
        )
        for line in text.splitlines(keepends=True)
    )


def rename_column(name: str) -> Callable[[str], str]:
    return lambda text: text.replace(f";{name};", ";other;", 1)


def leave_orders_out(share: Fraction) -> Callable[[OrdinaryShop], None]:
    """Leave the oldest orders out of the export: one, or a *share* of all."""

    def act(shop: OrdinaryShop) -> None:
        numbers = list(shop.state.web_orders)
        for number in numbers[: int(len(numbers) * share) or 1]:
            del shop.state.web_orders[number]
        shop.export()

    return act


def let_the_export_age(shop: OrdinaryShop) -> None:
    shop.date_export(shop.now - timedelta(days=9))


def newest_order(shop: OrdinaryShop) -> WebOrder:
    """Return a paid order of weeks ago, to be made into others."""
    return next(
        order
        for order in shop.state.web_orders.values()
        if order.payment_status == "ACCEPTED" and order.exported_sale_id
    )


def order_for_two(shop: OrdinaryShop) -> None:
    order = newest_order(shop)
    order.email = f"{order.email}, partner@example.com"
    shop.export()


def stop_syncing(shop: OrdinaryShop) -> None:
    order, last = newest_order(shop), shop.store._shop.web.last_number
    for n in range(1, 6):
        number = str(last + n)
        shop.state.web_orders[number] = replace(
            order,
            order_number=number,
            placed_at=shop.now - timedelta(days=8 + n),
            exported_sale_id=None,
        )
    shop.export()


def hint_wrongly(shop: OrdinaryShop) -> None:
    newest_order(shop).exported_sale_id = shop.store._shop.web.synced[-1]
    shop.export()


def refund_in_the_web_shop_only(shop: OrdinaryShop) -> None:
    shop.change_order(synced_order(shop), payment_status="REFUNDED")


def cancel_delivery_in_the_web_shop_only(shop: OrdinaryShop) -> None:
    shop.change_order(synced_order(shop), fulfillment_status="WILL_NOT_DELIVER")


def synced_order(shop: OrdinaryShop) -> WebOrder:
    """Return an order whose sale counts."""
    counting = {
        sale.source_id
        for sale in shop.state.sales.values()
        if sale.state in ("closed", "pending") and sale.payments
    }
    return next(
        order
        for number, order in shop.state.web_orders.items()
        if number in counting and order.payment_status == "ACCEPTED"
    )


def use_a_payment_word_of_its_own(shop: OrdinaryShop) -> None:
    shop.change_order(newest_order(shop), payment_status="CUSTOM_PAYMENT_STATUS_1")


def use_a_fulfilment_word_of_its_own(shop: OrdinaryShop) -> None:
    shop.change_order(newest_order(shop), fulfillment_status="CUSTOM_STEP")


def make_dates_of_numbers(count: int) -> Callable[[OrdinaryShop], None]:
    """Let a spreadsheet make dates of the numbers of so many orders."""

    def act(shop: OrdinaryShop) -> None:
        customers = shop.state.customers
        sales = {sale.source_id: sale for sale in shop.state.sales.values()}
        named = (
            order
            for number, order in shop.state.web_orders.items()
            if number in sales
            and (buyer := customers.get(sales[number].customer_id or "")) is not None
            and buyer.email
            and buyer.email == order.email
            and order.payment_status == "ACCEPTED"
        )
        for day, order in zip(range(1, count + 1), named, strict=False):
            order.exported_number = f"{day}. Oct"
        shop.export()

    return act


def keep_decimals(text: str) -> str:
    """Write order numbers as a program does that takes them for amounts."""
    return re.sub(r"^([0-9]+);", r"\1.0;", text, flags=re.MULTILINE)


OF_THE_WEB_SHOP: Sequence[Incident] = (
    Incident(
        "a refund in the web shop only", "ecom_reconciliation",
        "refunds_reach_the_tills", WARN,
        "an order is refunded in the web shop, and its sale stays as it is",
        r"1 web order that was refunded.* still counts as a sale, \d+\.\d\d in all",
        seeded(refund_in_the_web_shop_only),
        begins_at="ecom_reconciliation", tables=ONLY_EXPORT,
    ),
    Incident(
        "a delivery cancelled in the web shop only", "ecom_reconciliation",
        "refunds_reach_the_tills", WARN,
        "the delivery of an order is cancelled in the web shop only",
        r"1 web order that was refunded.* still counts as a sale, \d+\.\d\d in all",
        seeded(cancel_delivery_in_the_web_shop_only),
        begins_at="ecom_reconciliation", tables=ONLY_EXPORT,
    ),
    Incident(
        "a payment status of the shop's own", "ecom_orders", "order_words_are_known",
        WARN,
        "an order has a payment status that the shop invented",
        r"1 web order has a status .*payment: CUSTOM_PAYMENT_STATUS_1 \(1\)",
        seeded(use_a_payment_word_of_its_own),
    ),
    Incident(
        "a fulfilment status of the shop's own", "ecom_orders",
        "order_words_are_known", WARN,
        "an order has a fulfilment status that the shop invented",
        r"1 web order has a status .*fulfilment: CUSTOM_STEP \(1\)",
        seeded(use_a_fulfilment_word_of_its_own),
    ),
    Incident(
        "export truncated", "ecom_orders", "export_is_readable", ERROR,
        "the export was cut off in the middle of a row",
        r"ecom_orders_export\.csv, line \d+",
        seeded(rewrite(truncate)),
    ),
    Incident(
        "export with decimal commas", "ecom_orders", "export_is_readable", ERROR,
        "the export writes 12,50, which is not declared",
        r"ecom_orders_export\.csv, line \d+: `order_\w+`",
        seeded(rewrite(use_decimal_commas)),
    ),
    Incident(
        "export without totals", "ecom_orders", "export_is_readable", ERROR,
        "the export lacks a column that is needed",
        r"ecom_orders_export\.csv.*`order_total`",
        seeded(rewrite(rename_column("order_total"))),
    ),
    Incident(
        "export without its hint", "ecom_orders", "export_is_complete", WARN,
        "the export lacks the column that names the sale of an order",
        r"The export lacks `X-series Order ID`, which the last good one had",
        seeded(rewrite(rename_column("X-series Order ID"))),
    ),
    Incident(
        "export without old orders", "ecom_orders", "export_is_complete", WARN,
        "the export lacks orders that the last good one had",
        r"1 of those are gone",
        seeded(leave_orders_out(Fraction(0))),
    ),
    Incident(
        "half an export", "ecom_orders", "export_is_complete", ERROR,
        "the export holds half of the orders only",
        r"The export has \d+ orders, the last good one had \d+; \d+ of those are gone",
        seeded(leave_orders_out(Fraction(1, 2))),
    ),
    Incident(
        "export stale", "ecom_orders", "export_is_fresh", WARN,
        "the orders of the web shop were not exported for nine days",
        r"ecom_orders_export\.csv is 9 days old",
        seeded(let_the_export_age),
    ),
    Incident(
        "an order with two addresses", "ecom_orders", "contacts_hold_one_address", WARN,
        "a web order has several addresses in the e-mail field",
        r"^1 web order has several addresses in the e-mail field",
        seeded(order_for_two),
    ),
    Incident(
        "orders that never become sales", "ecom_reconciliation", "orders_have_sales",
        WARN,
        "the web shop does not reach the tills any more",
        r"5 paid web orders of the last 90 days have been without a sale",
        seeded(stop_syncing), begins_at="ecom_reconciliation", tables=ONLY_EXPORT,
    ),
    Incident(
        "evidence contradicts itself", "ecom_reconciliation", "evidence_agrees", WARN,
        "the export ties an order to the sale of another one",
        r"The evidence about 1 web order contradicts itself",
        seeded(hint_wrongly), begins_at="ecom_reconciliation", tables=ONLY_EXPORT,
    ),
    Incident(
        "order numbers with decimals", "ecom_orders", "export_is_readable", ERROR,
        "a spreadsheet wrote the order numbers as 1002.0",
        r"line \d+: `order_number` was changed on its way: \d+\.0 ends with decimals",
        seeded(rewrite(keep_decimals)),
    ),
    Incident(
        "two order numbers became dates", "customer_analytics",
        "orders_are_counted_once", WARN,
        "a spreadsheet made dates of two order numbers: both orders count twice",
        r"2 web orders are added although the tills have a sale from the web shop",
        seeded(make_dates_of_numbers(2)), begins_at="customer_analytics",
        tables=ONLY_PEOPLE_OF_THE_EXPORT,
    ),
    Incident(
        "many order numbers became dates", "customer_analytics",
        "orders_are_counted_once", ERROR,
        "a spreadsheet made dates of order numbers: every such order counts twice",
        r"5 web orders are added although the tills have a sale from the web shop",
        seeded(make_dates_of_numbers(5)), begins_at="customer_analytics",
        tables=ONLY_PEOPLE_OF_THE_EXPORT,
    ),
)  # fmt: skip

OF_THE_SHOP = (
    *(*OF_SALES, *OF_OUTLETS, *OF_PEOPLE, *OF_PRODUCTS),
    *(*OF_CHANGES, *OF_THE_WEB_SHOP),
)
