"""Where the store's API is: only there does the token ever go."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from analytics_pipeline.errors import WrongUse

_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]*")
_DEFAULT = "https://{prefix}.retail.lightspeed.app"


def origin_for(prefix: str, override: str | None) -> str:
    """Return the origin of the store's API, such as ``https://shop.example``.

    Args:
        prefix: the store's sub-domain label, ``LIGHTSPEED_DOMAIN_PREFIX``.
        override: another origin, ``LIGHTSPEED_API_URL``, or None or blank for the
            store's own; ``{prefix}`` in it stands for the prefix.

    Raises:
        WrongUse: one of the two cannot be used; the cause names the variable.
    """
    pattern = (override or "").strip() or _DEFAULT
    if prefix or "{prefix}" in pattern:
        _check_prefix(prefix)
    return _checked_origin(pattern.replace("{prefix}", prefix))


def is_loopback(origin: str) -> bool:
    """Return whether *origin* is this machine, such as the simulated store's."""
    host = urlsplit(origin).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_prefix(prefix: str) -> None:
    if not prefix:
        raise WrongUse(
            "LIGHTSPEED_DOMAIN_PREFIX is not set.",
            "Set it to the first part of your store's address, before "
            "`.retail.lightspeed.app`.",
        )
    if not _PREFIX.fullmatch(prefix):
        raise WrongUse(
            "LIGHTSPEED_DOMAIN_PREFIX is no store name: it may hold lower-case "
            "letters, digits and `-` only.",
            "Give only the first part of your store's address: `myshop` of "
            "`https://myshop.retail.lightspeed.app`.",
        )


def _checked_origin(url: str) -> str:
    """Return *url* if it is an origin to which a token may be sent."""
    remedy = "Set it to an origin such as `https://host`, or leave it out."
    try:
        parts = urlsplit(url)
        named = _is_origin(parts)
    except ValueError as error:
        raise WrongUse("LIGHTSPEED_API_URL is no URL.", remedy) from error
    if not named:
        raise WrongUse(
            "LIGHTSPEED_API_URL is no origin: scheme, host and port only.", remedy
        )
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme == "http" and not is_loopback(origin):
        raise WrongUse(
            "LIGHTSPEED_API_URL would send the token in the clear: plain http is for "
            "this machine only.",
            "Use https.",
        )
    return origin


def _is_origin(parts: SplitResult) -> bool:
    """Return whether *parts* name scheme, host and port and nothing else."""
    surplus = parts.path.rstrip("/") or parts.query or parts.fragment
    signed_in = parts.username is not None or parts.password is not None
    named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    return bool(named) and not surplus and not signed_in and parts.netloc.isascii()
