"""Refunds and disputes, which the SDK has no methods for: by its own generic requests, with its own
exceptions. What happens in Stripe's dashboard is done by the sandbox's controls."""

import json
import time
import urllib.request
import uuid
from decimal import Decimal

import httpx
import pytest
from cloudflare import APIStatusError, BadRequestError, Cloudflare, NotFoundError, PermissionDeniedError
from conftest import DEV, codes, connect


@pytest.fixture
def billing(client, account_id):
    return Billing(client, account_id)


class Billing:
    def __init__(self, client, account_id):
        self.client, self.account_id = client, account_id
        self.path = f"/accounts/{account_id}/ai-gateway/billing"

    def buy(self, amount=2000):
        topup = self.client.ai_gateway.billing.topup
        bought = topup.create(account_id=self.account_id, amount=amount)
        answer = topup.status(
            account_id=self.account_id,
            payment_intent_id=bought.payment_intent_id,
            extra_headers={"Prefer": "wait=10"},
        )
        assert answer.status == "completed"
        return bought.payment_intent_id

    def balance(self):
        balance = self.client.ai_gateway.billing.credit_balance(account_id=self.account_id).balance
        # The exact decimal that was sent: a difference of floats isn't.
        return Decimal(str(balance))

    def refund(self, invoice, key=None, client=None, **body):
        answer = (client or self.client).post(
            f"{self.path}/topup/{invoice}/refund",
            body=body,
            options={"headers": {"Idempotency-Key": key or str(uuid.uuid4())}},
            cast_to=httpx.Response,
        )
        return answer.json()["result"]

    def get(self, rest):
        return self.client.get(self.path + rest, cast_to=httpx.Response).json()["result"]


def at_stripe(path, **body):
    """What the operator does in Stripe's dashboard, or a customer's bank."""
    request = urllib.request.Request(
        f"{DEV['stripe_url']}/_sandbox/{path}",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def payment_of(invoice):
    with urllib.request.urlopen(f"{DEV['stripe_url']}/_sandbox/state", timeout=10) as answer:
        payments = json.load(answer)["invoice_payment"]
    return next(one["payment"]["payment_intent"] for one in payments if one["invoice"] == invoice)


def becomes(read, expected):
    for _ in range(100):
        if read() == expected:
            return
        time.sleep(0.1)
    assert read() == expected


def test_a_top_up_is_refunded_in_parts(billing):
    invoice = billing.buy()
    before = billing.balance()
    first = billing.refund(invoice, amount=500, reason="requested_by_customer")
    assert (first["status"], first["credit"]) == ("succeeded", 500)
    assert billing.balance() == before - 500
    rest = billing.refund(invoice)
    assert rest["amount"] == 1500
    assert billing.balance() == before - 2000
    listed = billing.get(f"/topup/{invoice}/refund")
    assert [one["amount"] for one in listed] == [500, 1500]


def test_a_key_is_one_refund(billing):
    invoice, key = billing.buy(), str(uuid.uuid4())
    first = billing.refund(invoice, key, amount=500)
    assert billing.refund(invoice, key, amount=500)["id"] == first["id"]
    with pytest.raises(APIStatusError) as refused:
        billing.refund(invoice, key, amount=600)
    assert (refused.value.status_code, codes(refused)) == (409, [8007])


def test_refusals_are_the_sdks_exceptions(billing):
    invoice = billing.buy()
    with pytest.raises(BadRequestError) as refused:
        billing.refund(invoice, amount=2001)
    assert codes(refused) == [8031]
    with pytest.raises(BadRequestError) as refused:
        billing.refund(invoice, reason="regret")
    assert codes(refused) == [7001]
    with pytest.raises(NotFoundError) as refused:
        billing.refund("in_nobodys")
    assert codes(refused) == [7002]


def test_a_customers_key_refunds_nothing(billing):
    invoice = billing.buy()
    with connect(Cloudflare, api_email=DEV["email"], api_key=DEV["key"]) as customer:
        with pytest.raises(PermissionDeniedError) as refused:
            billing.refund(invoice, client=customer)
    assert codes(refused) == [10000]


def test_a_refund_at_stripe_takes_credit_back_and_its_failure_gives_it_back(billing):
    invoice = billing.buy()
    before = billing.balance()
    refund = at_stripe("refunds", payment_intent=payment_of(invoice), amount=700)
    becomes(billing.balance, before - 700)
    at_stripe(f"refunds/{refund['id']}/fail")
    becomes(billing.balance, before)
    listed = billing.get(f"/topup/{invoice}/refund")
    assert [(one["created_by"], one["status"], one["credit"]) for one in listed] == [("stripe", "failed", 0)]


def test_a_dispute_takes_credit_back_and_gives_it_back_when_it_is_won(billing):
    invoice = billing.buy()
    before = billing.balance()
    dispute = at_stripe("disputes", payment_intent=payment_of(invoice))["id"]
    at_stripe(f"disputes/{dispute}/withdraw")
    becomes(billing.balance, before - 2000)
    newest = billing.get("/disputes?per_page=1")[0]
    assert (newest["stripe_id"], newest["open"], newest["credit"]) == (dispute, True, 2000)
    at_stripe(f"disputes/{dispute}/reinstate")
    at_stripe(f"disputes/{dispute}/close", status="won")
    becomes(billing.balance, before)
    becomes(lambda: billing.get("/disputes?per_page=1")[0]["status"], "won")
