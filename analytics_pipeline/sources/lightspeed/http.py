"""The way to a Lightspeed store: its address, its token, and what is read of it."""

import re
from typing import Unpack

import httpx

from analytics_pipeline.model.errors import (
    LightspeedRefused,
    LightspeedUnavailable,
    WrongUse,
)
from analytics_pipeline.model.vocabulary import LIMIT_USED_UP
from analytics_pipeline.sources.connection import (
    ApiConnection,
    Options,
    Service,
    checked_url,
    is_token,
)
from analytics_pipeline.sources.lightspeed.replies import Allowance, explain_refusal

# ----------------------------------------------------------------------------------
# Where the store's API is: only there does the token ever go.


_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]*")
_DEFAULT = "https://{prefix}.retail.lightspeed.app"


def origin_for(prefix: str, override: str | None) -> str:
    """Return the origin of the store's API, such as ``https://shop.example``.

    Args:
        prefix: the store's sub-domain label, ``LIGHTSPEED_DOMAIN_PREFIX``.
        override: another origin, ``LIGHTSPEED_API_URL``, or None or blank for the
            store's own; ``{prefix}`` in it is replaced by the prefix.

    Raises:
        WrongUse: one of the two cannot be used; the cause names the variable.
    """
    pattern = (override or "").strip() or _DEFAULT
    if prefix or "{prefix}" in pattern:
        _check_prefix(prefix)
    url = pattern.replace("{prefix}", prefix)
    parts = checked_url(url, "LIGHTSPEED_API_URL", "https://host")
    if parts.path.rstrip("/"):
        raise WrongUse(
            "LIGHTSPEED_API_URL is no origin: scheme, host and port only.",
            "Set it to an origin such as `https://host`, or leave it out.",
        )
    return f"{parts.scheme}://{parts.netloc}"


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


# ----------------------------------------------------------------------------------
# One store's API over HTTP.
#
# Read-only by construction: the token has the rights of an admin and there is no
# lesser one, so a connection knows a single method and a short list of paths.


_PATH = re.compile(
    r"sales|customers|customer_groups|products|outlets|registers|retailer|search"
    r"|(sales|customers)/[A-Za-z0-9_-]{1,100}"
)
_API_VERSION = re.compile(r"2\.0|[0-9]{4}-[0-9]{2}")
_TOO_MANY_REQUESTS = 429

LIGHTSPEED = Service(
    "Lightspeed",
    _PATH,
    "It reads sales, customers and their groups, products, outlets, registers and "
    "the store only.",
    LightspeedUnavailable,
    LightspeedRefused,
    explain_refusal,
    singles=re.compile(".*/.*"),
)


def check_credentials(token: str, api_version: str) -> None:
    """Refuse what cannot be sent, before a library quotes it in an error."""
    if not is_token(token):
        raise WrongUse(
            "LIGHTSPEED_TOKEN is empty or holds blanks or other odd characters.",
            "Copy the token from Setup > Personal Tokens and set LIGHTSPEED_TOKEN.",
        )
    if not _API_VERSION.fullmatch(api_version):
        raise WrongUse(
            "LIGHTSPEED_API_VERSION is no version of the API.",
            "Set it to 2.0 or a dated one such as 2026-07.",
        )


class Connection(ApiConnection):
    """Gets JSON from a store, and keeps within its limit of requests."""

    def __init__(
        self,
        origin: str,
        token: str,
        api_version: str,
        *,
        allowance: Allowance | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Prepare to ask *origin* (see :func:`origin_for`); nothing is asked yet.

        Args:
            origin: scheme, host and port.
            token: a personal token.
            api_version: ``2.0`` or a dated one such as ``2026-07``.
            allowance: what is left of the request limit, where several clients of
                one store share it.
            options: how it is used.
        """
        check_credentials(token, api_version)
        self._allowance = allowance or Allowance()
        super().__init__(LIGHTSPEED, f"{origin}/api/{api_version}/", token, **options)

    def keep_within_the_limit(self) -> None:
        """Wait, and say so, where the store allows no request before its next window.

        To be refused would cost a request and might count against other programs of
        the shop.
        """
        seconds = self._allowance.seconds_to_wait(self.now())
        if seconds > 0:
            self.pause(seconds, LIMIT_USED_UP)

    def note_limit(self, reply: httpx.Response) -> None:
        """Take what a reply says of the limit; a refusal says it itself."""
        if reply.status_code == _TOO_MANY_REQUESTS:
            self._allowance.forget()
        else:
            self._allowance.note(reply.headers, self.now())
