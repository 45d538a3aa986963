"""Cloudflare's Python SDK against a running Farebox, as `foreign/run` starts it.

Nothing here knows Farebox: whatever the suite has to know comes in the environment, the rest is the
SDK's. `FAREBOX_DEV` is the line that `farebox dev --json` prints.
"""

import json
import os
import urllib.request

import pytest
from cloudflare import AsyncCloudflare, Cloudflare

DEV = json.loads(os.environ["FAREBOX_DEV"])


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def account_id():
    return DEV["account_id"]


def _token():
    return {"api_token": DEV["token"]}


def _key():
    return {"api_email": DEV["email"], "api_key": DEV["key"]}


def connect(kind=Cloudflare, *, strict=True, retries=0, **credentials):
    """A client of the given kind. Strict ones refuse an answer that is not of the documented shape."""
    return kind(
        base_url=DEV["base_url"],
        max_retries=retries,
        _strict_response_validation=strict,
        **credentials,
    )


@pytest.fixture(autouse=True)
def only_the_suites_credentials(monkeypatch):
    """The SDK reads credentials of its own accord, and two kinds at once would hide a fault in one."""
    for name in list(os.environ):
        if name.startswith("CLOUDFLARE_"):
            monkeypatch.delenv(name)


@pytest.fixture(params=["token", "email+key"])
def credentials(request):
    return _token() if request.param == "token" else _key()


@pytest.fixture(params=[False, True], ids=["loose", "strict"])
def strict(request):
    return request.param


@pytest.fixture
def client():
    with connect(**_token()) as client:
        yield client


@pytest.fixture
def any_client(credentials, strict):
    """Each way to authenticate, each way to check answers."""
    with connect(strict=strict, **credentials) as client:
        yield client


@pytest.fixture
async def any_async_client(credentials, strict):
    async with connect(AsyncCloudflare, strict=strict, **credentials) as client:
        yield client


@pytest.fixture
def authenticate():
    """Does what the cardholder does in the browser: passes, or fails, 3-D Secure."""

    def authenticate(client_secret, outcome="succeed"):
        payment_intent = client_secret.split("_secret_")[0]
        request = urllib.request.Request(
            f"{DEV['stripe_url']}/_sandbox/payment_intents/{payment_intent}/authenticate",
            data=json.dumps({"outcome": outcome}).encode(),
            headers={"content-type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    return authenticate


def codes(refused):
    """The codes of a refusal, read as the SDK reads them."""
    assert refused.value.errors, "the answer has no errors"
    assert all(error.message for error in refused.value.errors)
    return [error.code for error in refused.value.errors]
