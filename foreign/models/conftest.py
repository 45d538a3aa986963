"""The official SDKs of OpenAI, Anthropic and Google against a running Farebox that sells what the sandbox's
provider has, as `foreign/run` calls them.

Nothing is changed but what a customer changes: the base URL, and the Farebox token in the place of the
provider's key. The credit is bought as a customer buys it.

  FAREBOX_BIN            the built binary
  FAREBOX_DATABASE__URL  an empty database; without it there is one in a directory of the suite's
  SANDBOX_BIN            the sandbox's example `stripe`
  PROVIDER_BIN           the sandbox's example `provider`
"""

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.request

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

STRIPE_KEY = "sk_test_models"
WEBHOOK_SECRET = "whsec_models"
KEYS = {"openai": "sk-operator", "anthropic": "sk-ant-operator", "google-ai-studio": "AIza-operator"}
BOUGHT_CENTS = 5000


class Example:
    """One of the sandbox's servers as a process, and its controls."""

    def __init__(self, variable, *arguments):
        self.process = subprocess.Popen([os.environ[variable], *arguments], stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]

    def control(self, path, body=None, method=None):
        return call(f"{self.url}/_sandbox/{path}", body=body, method=method)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()


def call(url, token=None, body=None, method=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    headers["content-type"] = "application/json"
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


class Farebox:
    """`farebox serve` with an account and its tokens."""

    def __init__(self, stripe, provider, directory, **more):
        self.stripe = stripe
        self.variables = {
            "FAREBOX_DATABASE__URL": os.environ.get("FAREBOX_DATABASE__URL", f"sqlite://{directory}/farebox.db"),
            "FAREBOX_HTTP__LISTEN": "127.0.0.1:0",
            "FAREBOX_HTTP__METRICS_LISTEN": "127.0.0.1:0",
            "FAREBOX_LOG__LEVEL": "debug",
            "FAREBOX_SECURITY__KEY": "07" * 32,
            "FAREBOX_STRIPE__BASE_URL": stripe.url,
            "FAREBOX_STRIPE__SECRET_KEY": STRIPE_KEY,
            "FAREBOX_STRIPE__WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "FAREBOX_PROVIDERS__KEYS": ",".join(f"{slug}={key}" for slug, key in KEYS.items()),
            "FAREBOX_PROVIDERS__URLS": ",".join(f"{slug}={provider.url}" for slug in KEYS),
            **more,
        }
        self.account = self.told("account", "create", "--name", "Models")["id"]
        self.writer, self.runner = self.token("write"), self.token("run")
        self.log = open(f"{directory}/farebox.log", "w+")
        self.process = subprocess.Popen(
            [os.environ["FAREBOX_BIN"], "serve"], env=self.variables, stdout=self.log, stderr=self.log,
        )
        self.url = self._address()

    def _address(self):
        for _ in range(300):
            served = re.search(r"farebox serves.*?\baddress=(\S+)", self.printed())
            if served:
                return f"http://{served[1]}"
            try:
                self.process.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError(f"farebox does not serve:\n{self.printed()}")

    def printed(self):
        with open(self.log.name) as log:
            return log.read()

    def told(self, *arguments):
        command = [os.environ["FAREBOX_BIN"], *arguments, "--json"]
        return json.loads(subprocess.run(command, env=self.variables, check=True, capture_output=True).stdout)

    def token(self, permission, account=None):
        account = account or self.account
        return self.told("token", "create", "--account", account, "--name", "sdk", "--permission", permission)["token"]

    def billing(self, path, body=None, **headers):
        path = f"accounts/{self.account}/ai-gateway/billing/{path}"
        return call(f"{self.url}/client/v4/{path}", self.writer, body, **headers)["result"]

    def buys(self, cents):
        """Saves a card on the page of Stripe's that the account is sent to, and charges it."""
        page = self.billing("payment-methods/setup", {"return_url": "http://localhost/"})["url"]
        session = page.rsplit("/", 1)[1]
        self.stripe.control(f"checkout/sessions/{session}/complete", {"payment_method": "pm_card_visa"})
        for _ in range(100):
            if any(card["default"] for card in self.billing("payment-methods")):
                break
            time.sleep(0.05)
        bought = self.billing("topup", {"amount": cents})["payment_intent_id"]
        status = self.billing("topup/status", {"payment_intent_id": bought}, Prefer="wait=10")
        assert status["status"] == "completed"

    def balance(self):
        """In billionths of a dollar, which no part of what a call costs is smaller than."""
        return round(self.billing("credit-balance")["balance"] * 10_000_000)

    def stop(self):
        """As an operator ends it; then the books have to be right."""
        self.process.terminate()
        status = self.process.wait(timeout=10)
        self.log.close()
        assert status == 0, self.printed()
        check = [os.environ["FAREBOX_BIN"], "ledger", "check"]
        subprocess.run(check, env=self.variables, check=True, capture_output=True)
        for secret in [self.runner, self.writer, *KEYS.values()]:
            assert secret not in self.printed(), "a secret stands in the log"


@pytest.fixture(scope="session")
def provider():
    provider = Example("PROVIDER_BIN", *(part for key in KEYS.values() for part in ("--key", key)))
    yield provider
    provider.stop()


@pytest.fixture(scope="session")
def farebox(provider, tmp_path_factory):
    stripe = Example("SANDBOX_BIN", "--key", STRIPE_KEY)
    farebox = Farebox(stripe, provider, tmp_path_factory.mktemp("farebox"))
    stripe.control("webhook", {"url": f"{farebox.url}/webhooks/stripe", "secrets": [WEBHOOK_SECRET]})
    farebox.buys(BOUGHT_CENTS)
    yield farebox
    farebox.stop()
    stripe.stop()


@pytest.fixture(autouse=True)
def only_the_suites_credentials(monkeypatch):
    """The SDKs read keys and addresses of their own accord."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_")):
            monkeypatch.delenv(name)


@pytest.fixture
def costs(farebox):
    """Checks that what happens takes exactly so many billionths of a dollar."""
    before = farebox.balance()

    def costs(nanos):
        assert before - farebox.balance() == nanos

    return costs


class Sdks:
    """The clients as a customer makes them; closed at the test's end."""

    def __init__(self, farebox, stack):
        self.farebox, self.stack = farebox, stack
        self.of(farebox.account)

    def of(self, account):
        """From now on through the gateway of this account."""
        self.gateway = f"{self.farebox.url}/v1/{account}/default"
        self.rest = f"{self.farebox.url}/client/v4/accounts/{account}/ai"
        return self

    def openai(self, token, suffix="/v1"):
        return self._openai(token, f"{self.gateway}/openai{suffix}")

    def compat(self, token):
        """To every provider, by the gateway's path."""
        return self._openai(token, f"{self.gateway}/compat")

    def ai(self, token):
        """To every provider, beside the management API."""
        return self._openai(token, f"{self.rest}/v1")

    def _openai(self, token, base_url):
        return self.stack.enter_context(openai.OpenAI(api_key=token, base_url=base_url, max_retries=0))

    def anthropic(self, token, beside_the_api=False):
        base_url = self.rest if beside_the_api else f"{self.gateway}/anthropic"
        return self.stack.enter_context(anthropic.Anthropic(api_key=token, base_url=base_url, max_retries=0))

    def google(self, token):
        options = types.HttpOptions(base_url=f"{self.gateway}/google-ai-studio")
        return self.stack.enter_context(genai.Client(api_key=token, http_options=options))


@pytest.fixture
def sdks(farebox):
    with contextlib.ExitStack() as stack:
        yield Sdks(farebox, stack)
