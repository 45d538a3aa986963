"""Cards, which the SDK has no methods for: by its own generic requests, with its own exceptions."""

import json
import time
import urllib.parse
import urllib.request
import uuid

import httpx
import pytest
from cloudflare import BadRequestError, ConflictError, NotFoundError
from conftest import DEV, codes


class PaymentMethods:
    def __init__(self, client, account_id):
        self.client, self.path = client, f"/accounts/{account_id}/ai-gateway/billing/payment-methods"

    def list(self):
        return self.client.get(self.path, cast_to=httpx.Response).json()["result"]

    def setup(self, key=None, **body):
        options = {"headers": {"Idempotency-Key": key}} if key else {}
        return self._post("/setup", body=body or None, options=options)["result"]

    def choose(self, method):
        return self._post(f"/{method}/default")["result"]

    def remove(self, method):
        return self.client.delete(f"{self.path}/{method}", cast_to=httpx.Response).json()

    def default(self):
        first = self.list()[0]
        return first["id"] if first["default"] else None

    def becomes_default(self, last4):
        """Waits for the card, which Stripe's webhook tells of in a moment."""
        for _ in range(200):
            first = self.list()[0]
            if first["default"] and first["last4"] == last4:
                return first
            time.sleep(0.05)
        raise AssertionError(f"{last4} is not the default: {self.list()}")

    def _post(self, rest, **request):
        return self.client.post(self.path + rest, cast_to=httpx.Response, **request).json()


@pytest.fixture
def methods(client, account_id):
    methods = PaymentMethods(client, account_id)
    before = methods.default()
    yield methods
    methods.choose(before)


def at_stripe(path, body, **headers):
    """What Stripe.js does, or the customer on Stripe's page."""
    url = f"{DEV['stripe_url']}{path}"
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_a_card_of_stripe_js_becomes_the_default(methods, client, account_id):
    begun = methods.setup()
    assert begun["url"] is None
    form = {"client_secret": begun["client_secret"], "payment_method": "pm_card_amex"}
    path = f"/v1/setup_intents/{begun['setup_intent_id']}/confirm"
    at_stripe(path, urllib.parse.urlencode(form).encode(), Authorization="Bearer pk_test_browser")
    card = methods.becomes_default("0005")
    assert set(card) == {"id", "type", "brand", "last4", "default"}
    assert (card["type"], card["brand"]) == ("card", "amex")
    balance = client.ai_gateway.billing.credit_balance(account_id=account_id)
    assert balance.has_default_payment_method
    bought = client.ai_gateway.billing.topup.create(account_id=account_id, amount=1000)
    assert (bought.brand, bought.last4, bought.onboarding) == ("amex", "0005", True)
    assert methods.remove(card["id"])["result"] == {"id": card["id"]}


def test_a_card_of_stripes_page_becomes_the_default_and_another_is_chosen(methods):
    before = methods.default()
    page = methods.setup(return_url="https://example.com/billing")
    assert page["client_secret"] is None
    session = page["url"].rsplit("/", 1)[1]
    body = json.dumps({"payment_method": "pm_card_mastercard"}).encode()
    path = f"/_sandbox/checkout/sessions/{session}/complete"
    at_stripe(path, body, **{"Content-Type": "application/json"})
    saved = methods.becomes_default("4444")["id"]
    assert methods.choose(before)["default"]
    assert methods.default() == before
    assert methods.choose(saved)["default"]
    removed = methods.remove(saved)
    assert "It was the default" in removed["messages"][0]["message"]
    assert methods.default() is None


def test_refusals_are_the_sdks_exceptions(methods):
    for refused_call in (methods.choose, methods.remove):
        with pytest.raises(NotFoundError) as refused:
            refused_call("pm_nobodys")
        assert codes(refused) == [7002]
    with pytest.raises(BadRequestError) as refused:
        methods.setup(return_url="http://example.com/")
    assert codes(refused) == [7001]
    key = str(uuid.uuid4())
    assert methods.setup(key) == methods.setup(key)
    with pytest.raises(ConflictError) as refused:
        methods.setup(key, return_url="https://example.com/")
    assert codes(refused) == [8007]
