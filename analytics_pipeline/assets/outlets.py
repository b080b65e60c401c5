"""``outlets``: the outlets, the registers and the store itself."""

import pandas as pd

from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.currency import check_currency
from analytics_pipeline.model.checks import Candidate, CheckResult, Severity, name_some
from analytics_pipeline.model.ids import plain_ids
from analytics_pipeline.model.policy import find_region
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.shop import CURRENCY_NOTE, Shop
from analytics_pipeline.sources.protocol import PointOfSale, StoreOutlets
from analytics_pipeline.tables import OUTLETS

OF_THE_STORE = ("store_time_zone", "store_country")


def read_outlets(shop: Shop, client: PointOfSale) -> Candidate:
    """Read the outlets with their time zones, and what the store says of itself.

    Raises:
        LightspeedUnavailable: there are none, which no store has.
        WrongUse: another store answers.
    """
    store = shop.ask_store(client)
    outlets = client.outlets(store)
    frame = _keep_undecodable(shop, outlets)
    currencies = shop.compare_currencies(outlets.currencies)
    results = [
        check_currency(currencies),
        _check_zones(shop, frame, outlets),
        _keep_outlets(shop, frame),
        _check_region(shop, frame),
    ]
    noted = currencies.noted
    return Candidate(frame, results, notes={CURRENCY_NOTE: noted} if noted else {})


def _keep_undecodable(shop: Shop, outlets: StoreOutlets) -> pd.DataFrame:
    """Return the rows of *outlets*, with the stored ones of those not decodable now.

    They are still there, and their sales stay on their days.
    """
    frame = outlets.rows
    lacking = outlets.undecodable - {*frame["outlet_id"]}
    if not lacking or not shop.warehouse.exists("outlets"):
        return frame
    before = shop.warehouse.read("outlets", Outlets)
    before = before.assign(outlet_id=plain_ids(before["outlet_id"]))
    kept = before[before["outlet_id"].isin(lacking)]
    every = pd.concat([frame, kept], ignore_index=True)
    return every.sort_values("outlet_id", ignore_index=True)


def _check_zones(shop: Shop, frame: pd.DataFrame, outlets: StoreOutlets) -> CheckResult:
    """Compare the store's zone with the configured one; find zones that are none."""
    ours, theirs = (
        shop.settings.time_zone,
        sorted(set(_named(frame, "store_time_zone"))),
    )
    unreal, unreadable = outlets.zone_unknown, outlets.unreadable
    text = [] if set(theirs) <= {ours} else [f"the store says {', '.join(theirs)}"]
    text += [f"{len(unreal)} outlets name a zone that does not exist"] if unreal else []
    text += [f"{unreadable} outlets could not be read"] if unreadable else []
    return CheckResult(
        "time_zone_agrees",
        not text,
        f"ANALYTICS_TIMEZONE is {ours}; {' and '.join(text)}."
        if text
        else "The store's time zone is the configured one.",
        Severity.WARN,
        {
            "configured": ours,
            "store": ", ".join(theirs),
            "outlets": name_some(unreal),
        },
    )


def _keep_outlets(shop: Shop, frame: pd.DataFrame) -> CheckResult:
    """Check that nothing is gone: a closed outlet is deleted, and still delivered.

    Without the store's country no phone number without its code would be a key, and
    people would fall apart.
    """
    gone: list[str] = []
    lost: list[str] = []
    if shop.warehouse.exists("outlets"):
        before = shop.warehouse.read("outlets", Outlets)
        gone = sorted(set(plain_ids(before["outlet_id"])) - set(frame["outlet_id"]))
        lost = [
            name
            for name in OF_THE_STORE
            if _named(before, name) and not _named(frame, name)
        ]
    passed = not (frame.empty or gone or lost)
    return CheckResult(
        "outlets_are_all_there",
        passed,
        "Everything known before of outlets and store is still there."
        if passed
        else f"Lightspeed names {len(frame)} outlets; {len(gone)} known ones are gone"
        + (f", and so is {' and '.join(lost)}." if lost else "."),
        evidence={
            "outlets": len(frame),
            "gone": name_some(gone),
            "lost": ", ".join(lost),
        },
        subject="\n".join([*gone, *lost]) or None,
    )


def _check_region(shop: Shop, frame: pd.DataFrame) -> CheckResult:
    """Say whether phone numbers without a country code can be read (rule 3.2)."""
    country = next(iter(_named(frame, "store_country")), None)
    region = shop.policy.phone_region or find_region(country)
    named = (
        f"The store names the country {country}"
        if country
        else ("The store names no country")
    )
    consequence = "so phone numbers without a country code join no one"
    remedy = "Set phone_region in analytics.toml"
    if region is None:
        unknown = ", which phone numbers do not know, " if country else ", "
        sentence = f"{named}{unknown}{consequence}. {remedy}, such as GB."
    elif shop.policy.phone_region or region == country:
        sentence = f"Phone numbers without a country code are read as of {region}."
    else:
        sentence = (
            f"{named}, which is {region} for phone numbers, so those without a country "
            f"code are read as of {region}. {remedy} to {region}."
        )
    return CheckResult(
        "phone_region_is_known",
        region is not None and region in (shop.policy.phone_region, country),
        sentence,
        Severity.WARN,
        {"region": region or "unknown", "country": country or "unknown"},
    )


def _named(frame: pd.DataFrame, column: str) -> list[str]:
    return frame[column].dropna().tolist()


@table(OUTLETS)
def outlets(run: TableRun, lightspeed: PointOfSale) -> Candidate:
    """Read the outlets with their time zones, and the store's own."""
    return read_outlets(run.shop, lightspeed)
