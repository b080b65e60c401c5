"""Outlets, registers and the store itself as rows of ``outlets``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analytics_pipeline.domain.currency import Currencies
from analytics_pipeline.model.ids import plain_id
from analytics_pipeline.sources.protocol import StoreDetails, StoreOutlets
from analytics_pipeline.sources.values import (
    UnreadableRecord,
    Unusable,
    frame_of,
    is_set,
    optional_name,
    single_line,
    usable_id,
)
from analytics_pipeline.storage.machine import refuse_shortage
from analytics_pipeline.tables import OUTLETS

if TYPE_CHECKING:
    import pandas as pd

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")


def details_of(retailer: Any) -> StoreDetails:
    """Return what the store says of itself; what cannot be used is missing."""
    store = retailer if isinstance(retailer, dict) else {}
    return StoreDetails(
        usable_id(store),
        _time_zone(store.get("timezone")),
        _country(store.get("country")),
        _currency(store.get("currency")),
        optional_name(store.get("discount_product_id")),
    )


def read_outlets(
    outlets: list[Any], registers: Iterable[Any], store: StoreDetails
) -> StoreOutlets:
    """Return the outlets that can be read, and what cannot be read of the others."""
    rows = outlets_rows(outlets, registers, store)
    undecodable = [each for each in outlets if isinstance(each, UnreadableRecord)]
    without_id = [
        each
        for each in outlets
        if usable_id(each) is None and not isinstance(each, UnreadableRecord)
    ]
    return StoreOutlets(
        rows,
        currencies_of(outlets, store),
        undecodable=frozenset(filter(None, map(usable_id, undecodable))),
        unreadable=len(undecodable) + len(without_id),
        zone_unknown=_without_a_real_zone(outlets, rows),
    )


def _without_a_real_zone(outlets: Iterable[Any], rows: pd.DataFrame) -> list[str]:
    """Return the ids of the outlets whose row has another zone than they name."""
    used = dict(zip(rows["outlet_id"], rows["time_zone"], strict=True))
    return [
        outlet_id
        for outlet in outlets
        if (outlet_id := _id_of(outlet) or "") in used
        and outlet.get("time_zone") not in (None, "", used[outlet_id])
    ]


def outlets_rows(
    outlets: Iterable[Any], registers: Iterable[Any], store: StoreDetails
) -> pd.DataFrame:
    """Return ``Outlets``: each outlet with its zone, else the store's own.

    An outlet without an id, or for which neither names a zone that exists, makes no
    row: it is unknown then, and rule 1.2 says what that means for its sales.
    """
    open_registers = _count_registers(registers)
    rows: dict[str, tuple[Any, ...]] = {}
    for outlet in outlets:
        outlet_id = _id_of(outlet)
        time_zone = _time_zone(outlet.get("time_zone")) if outlet_id else None
        zone = time_zone or store.time_zone
        if outlet_id is None or zone is None:
            continue
        rows[outlet_id] = (
            outlet_id,
            _text(outlet.get("name")),
            zone,
            _is_deleted(outlet),
            open_registers[outlet_id],
            store.time_zone,
            store.country,
            store.discount_product_id,
        )
    return frame_of([rows[key] for key in sorted(rows)], OUTLETS.schema)


def currencies_of(outlets: Iterable[Any], store: StoreDetails) -> Currencies:
    """Return the currency of the store and of each outlet, deleted ones too.

    What is no code of three letters is unknown: it cannot be compared.
    """
    named = {
        outlet_id: currency
        for outlet in outlets
        if (outlet_id := _id_of(outlet))
        and (currency := _currency(outlet.get("currency")))
    }
    return Currencies(store.currency, dict(sorted(named.items())))


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
