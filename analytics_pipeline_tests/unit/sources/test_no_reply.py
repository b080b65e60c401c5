"""Why there was no reply: certificate, name, proxy; each with the remedy that works."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from analytics_pipeline.model.errors import (
    LightspeedRefused,
    LightspeedUnavailable,
    WrongUse,
)
from analytics_pipeline.sources import connection
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.sources.patience import explain_no_reply

ORIGIN = "https://demo.retail.lightspeed.app"
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def connect(origin: str = ORIGIN, attempts: int = 2) -> Connection:
    return Connection(
        origin, "token", "2026-07", attempts=attempts, sleep=lambda _seconds: None
    )


def caused_by(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("no reply")
    error.__cause__ = OSError("in between")
    error.__cause__.__context__ = cause
    return error


def untrusted(why: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"certificate verify failed: {why}")
    error.verify_message = why
    return error


@pytest.mark.parametrize(
    "why",
    [
        "self-signed certificate",
        "unable to get local issuer certificate",
        "certificate has expired",
        "certificate is not yet valid",
        "Hostname mismatch, certificate is not valid for 'demo'",
        "",
    ],
)
def test_an_untrusted_certificate_is_not_tried_again(why: str) -> None:
    with pytest.raises(LightspeedRefused) as refused:
        explain_no_reply(
            caused_by(untrusted(why)), "demo.example.com", LightspeedRefused
        )

    assert "The certificate of demo.example.com is not trusted" in refused.value.cause
    assert why in refused.value.cause
    assert "SSL_CERT_FILE" in refused.value.remedy
    assert "clock" in refused.value.remedy


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_server_with_a_certificate_of_its_own_is_refused_at_once(
    tmp_path: Path,
) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-keyout", "key.pem", "-out", "own.pem"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve_one() -> None:
            accepted, _ = server.accept()
            with accepted, pytest.raises(ssl.SSLError):
                context.wrap_socket(accepted, server_side=True)

        thread = threading.Thread(target=serve_one)
        thread.start()
        client = connect(f"https://127.0.0.1:{port}")
        with pytest.raises(LightspeedRefused, match="is not trusted: self"):
            client.get("retailer", {})
        thread.join(10)

    assert client.requests == 1


def test_a_name_that_is_not_found_is_named() -> None:
    error = caused_by(socket.gaierror(-2, "Name or service not known"))

    fault = explain_no_reply(error, "demo.example.com", LightspeedRefused)

    assert fault.reason == "the name demo.example.com was not found (DNS)"


def test_an_unknown_name_is_in_its_error() -> None:
    with pytest.raises(LightspeedUnavailable, match=r"shop\.invalid was not found"):
        connect("https://shop.invalid").get("retailer", {})


def test_behind_a_proxy_its_name_may_be_the_wrong_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://u:{SECRET}@proxy.invalid:3128")

    with pytest.raises(LightspeedUnavailable) as failed:
        connect().get("retailer", {})

    assert "proxy in HTTPS_PROXY" in failed.value.cause
    assert SECRET not in str(failed.value)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "value",
    [
        f"http://u:{SECRET}@proxy:port",
        f"ftp://u:{SECRET}@proxy",
        f" http://u:{SECRET}@proxy:1",
        f"http://u:{SECRET}@proxy:80x",
        f"tcp://u:{SECRET}@proxy:1",
    ],
)
def test_a_malformed_proxy_is_wrong_use_and_its_password_is_not_shown(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(WrongUse) as refused:
        connect()

    assert f"The proxy in {variable.upper()}" in refused.value.cause
    assert "http://HOST:PORT" in refused.value.remedy
    assert SECRET not in str(refused.value)


def test_the_store_on_this_machine_needs_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:port")

    connect("http://127.0.0.1:9").close()


def test_certificates_that_are_not_there_are_named_by_their_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection._trusted_authorities.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    (tmp_path / "none.pem").write_text("no certificate", encoding="utf-8")

    with pytest.raises(WrongUse, match="SSL_CERT_FILE"):
        connect()
