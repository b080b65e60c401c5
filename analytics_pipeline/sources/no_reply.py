"""Why there was no reply: what can pass by itself, and what somebody has to correct."""

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.request import getproxies_environment

import httpx

from analytics_pipeline.errors import LightspeedRefused, WrongUse
from analytics_pipeline.shortages import refuse_shortage
from analytics_pipeline.sources.replies import PassingFault

_PROXIED = ("https", "http", "all")

Made = TypeVar("Made")


def with_proxies_checked(make: Callable[[], Made]) -> Made:
    """Return what *make* makes of the proxies that the environment names.

    Raises:
        WrongUse: one of them cannot be used; its value may hold a password and is not
            shown.
    """
    try:
        return make()
    except ImportError as error:
        raise WrongUse(
            f"The proxy in {_name_proxies()} is a SOCKS proxy, and the package for it "
            "is missing.",
            'Run: pip install "httpx[socks]"',
        ) from error
    except (ValueError, httpx.InvalidURL) as error:
        raise WrongUse(
            f"The proxy in {_name_proxies()} is not an address that can be used.",
            "Set it to http://HOST:PORT, or remove the variable.",
        ) from error


def explain_no_reply(error: httpx.RequestError, host: str) -> PassingFault:
    """Say in a few words why *host* gave no reply.

    Raises:
        LightspeedRefused: its certificate is not trusted, so it may be somebody else.
        LocalFailure: this machine could open no connection.
    """
    refuse_shortage(error)
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            raise _untrusted(each, host) from error
        if isinstance(each, socket.gaierror):
            return PassingFault(f"the name {host}{_or_proxy()} was not found (DNS)")
    if isinstance(error, httpx.ProxyError):
        return PassingFault(f"the proxy in {_name_proxies()} refused")
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return PassingFault(f"no connection{_through_proxy()}")
    if isinstance(error, httpx.TimeoutException):
        return PassingFault("no answer in time", too_slow=True)
    return PassingFault("the connection broke")


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> LightspeedRefused:
    why = error.verify_message or "it cannot be verified"
    return LightspeedRefused(
        f"The certificate of {host} is not trusted: {why}. Nothing was sent to it.",
        "See that the clock of this machine is right. If a proxy or a virus scanner of "
        "yours opens the connections, set SSL_CERT_FILE to the file with the "
        "certificates of its authority.",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error* and what it comes from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _name_proxies() -> str:
    """Name the variables that set a proxy."""
    named = getproxies_environment()
    names = [f"{kind.upper()}_PROXY" for kind in _PROXIED if kind in named]
    return ", ".join(names) or "the system"


def _or_proxy() -> str:
    return f", or that of the proxy in {_name_proxies()}," if _has_proxy() else ""


def _through_proxy() -> str:
    return f" through the proxy in {_name_proxies()}" if _has_proxy() else ""


def _has_proxy() -> bool:
    return _name_proxies() != "the system"
