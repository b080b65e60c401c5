"""Tests for analytics_pipeline.sources.lightspeed.http."""

import pytest

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.sources.lightspeed.http import origin_for


@pytest.mark.parametrize(
    ("prefix", "override", "origin"),
    [
        ("myshop", None, "https://myshop.retail.lightspeed.app"),
        ("my-shop2", "", "https://my-shop2.retail.lightspeed.app"),
        ("myshop", "https://{prefix}.proxy.example", "https://myshop.proxy.example"),
        ("", "https://proxy.example:8443/", "https://proxy.example:8443"),
        ("myshop", "http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("myshop", "http://localhost:8123", "http://localhost:8123"),
        ("myshop", "http://[::1]:8123", "http://[::1]:8123"),
    ],
)
def test_the_origin_is_the_stores_or_the_given_one(prefix, override, origin):
    assert origin == origin_for(prefix, override)


@pytest.mark.parametrize(
    "prefix",
    ["", "-shop", "My", "a.b", "a/b", "a@b", "shop\n", "ü", "https://myshop", "a#"],
)
def test_a_prefix_that_could_lead_elsewhere_is_refused(prefix):
    with pytest.raises(WrongUse, match="LIGHTSPEED_DOMAIN_PREFIX"):
        origin_for(prefix, None)


@pytest.mark.parametrize(
    "override",
    [
        "http://proxy.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "ftp://proxy.example",
        "proxy.example",
        "https://user:word@proxy.example",
        "https://proxy.example/path",
        "https://proxy.example?x=1",
        "https://proxy.example#x",
        "https://proxy.example:99999",
        "https://[::1",
        "https://",
    ],
)
def test_an_origin_that_is_not_safe_for_a_token_is_refused(override):
    with pytest.raises(WrongUse, match="LIGHTSPEED_API_URL"):
        origin_for("myshop", override)
