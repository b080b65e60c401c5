"""Outlets, registers and the store itself as rows of ``outlets``."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from analytics_pipeline.domain.currency import Currencies
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.sources.values import (
    Unusable,
    frame_of,
    is_set,
    single_line,
    usable_id,
)
from analytics_pipeline.storage.machine import refuse_shortage

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")


def outlets_rows(
    outlets: Iterable[Any], registers: Iterable[Any], retailer: Any
) -> pd.DataFrame:
    """Return ``Outlets``: each outlet with its zone, else the store's own.

    An outlet without an id, or for which neither names a zone that exists, makes no
    row: it is unknown then, and rule 1.2 says what that means for its sales.
    """
    store = retailer if isinstance(retailer, dict) else {}
    store_zone = store_time_zone(store)
    store_country = _country(store.get("country"))
    open_registers = _count_registers(registers)
    rows: dict[str, tuple[Any, ...]] = {}
    for outlet in outlets:
        outlet_id = _id_of(outlet)
        time_zone = _time_zone(outlet.get("time_zone")) if outlet_id else None
        zone = time_zone or store_zone
        if outlet_id is None or zone is None:
            continue
        rows[outlet_id] = (
            outlet_id,
            _text(outlet.get("name")),
            zone,
            _is_deleted(outlet),
            open_registers[outlet_id],
            store_zone,
            store_country,
        )
    return frame_of([rows[key] for key in sorted(rows)], Outlets)


def store_time_zone(retailer: dict[str, Any]) -> str | None:
    """Return the time zone that the store itself names, if it is one."""
    return _time_zone(retailer.get("timezone"))


def currencies_of(outlets: Iterable[Any], retailer: Any) -> Currencies:
    """Return the currency of the store and of each outlet, deleted ones too.

    What is no code of three letters is unknown: it cannot be compared.
    """
    store = retailer if isinstance(retailer, dict) else {}
    named = {
        outlet_id: currency
        for outlet in outlets
        if (outlet_id := _id_of(outlet))
        and (currency := _currency(outlet.get("currency")))
    }
    return Currencies(_currency(store.get("currency")), dict(sorted(named.items())))


def _count_registers(registers: Iterable[Any]) -> Counter[str | None]:
    """Count the registers of each outlet that are not deleted."""
    live = {
        register_id: plain_id(_text(register.get("outlet_id")))
        for register in registers
        if (register_id := _id_of(register)) and not _is_deleted(register)
    }
    return Counter(live.values())


def _id_of(record: Any) -> str | None:
    return usable_id(record) if isinstance(record, dict) else None


def _is_deleted(record: dict[str, Any]) -> bool:
    """Say whether a record was deleted; anything but an empty mark means so."""
    try:
        return is_set(record.get("deleted_at"), "deleted_at_is_a_time")
    except Unusable:
        return True


def _text(value: Any) -> str | None:
    try:
        return single_line(value, "name_is_text")
    except Unusable:
        return None


def _time_zone(value: Any) -> str | None:
    """Return the name of a time zone that exists (the store spells its key apart)."""
    name = _text(value)
    if name is None:
        return None
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        refuse_shortage(error)
        return None


def _country(value: Any) -> str | None:
    """Return an ISO country code of two letters."""
    name = _text(value)
    return name.upper() if name and _COUNTRY.fullmatch(name) else None


def _currency(value: Any) -> str | None:
    """Return an ISO 4217 code, given as text or as the ``code`` of a currency."""
    name = _text(value.get("code") if isinstance(value, dict) else value)
    return name.upper() if name and _CURRENCY.fullmatch(name) else None
