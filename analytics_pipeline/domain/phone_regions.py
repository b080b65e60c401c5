"""Regions of phone numbers: the countries that they know, by two letters (rule 3.2)."""

import phonenumbers

OTHER_NAMES = {"UK": "GB", "EL": "GR"}
"""Codes that people and the European Union use, and ISO's for the same countries."""


def find_region(country: str | None) -> str | None:
    """Return the region of a *country*'s phone numbers; nothing if there is none."""
    region = OTHER_NAMES.get(country or "", country)
    return region if region in phonenumbers.SUPPORTED_REGIONS else None
