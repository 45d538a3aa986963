"""Holds, which the SDK has no methods for: by its own generic requests, with its own exceptions."""

import uuid

import httpx
import pytest
from cloudflare import APIStatusError, BadRequestError, ConflictError, NotFoundError
from conftest import codes


@pytest.fixture
def holds(client, account_id):
    bought = client.ai_gateway.billing.topup.create(account_id=account_id, amount=1000)
    status = client.ai_gateway.billing.topup.status
    answer = status(
        account_id=account_id,
        payment_intent_id=bought.payment_intent_id,
        extra_headers={"Prefer": "wait=10"},
    )
    assert answer.status == "completed"
    return Holds(client, f"/accounts/{account_id}/ai-gateway/billing/holds")


class Holds:
    def __init__(self, client, path):
        self.client, self.path = client, path

    def create(self, key=None, **body):
        return self._send(self.client.post, "", key, body)

    def capture(self, hold, key=None, **body):
        return self._send(self.client.post, f"/{hold}/capture", key, body)

    def void(self, hold):
        return self.client.delete(f"{self.path}/{hold}", cast_to=httpx.Response).json()["result"]

    def list(self, query):
        return self.client.get(f"{self.path}?{query}", cast_to=httpx.Response).json()

    def _send(self, method, rest, key, body):
        options = {"headers": {"Idempotency-Key": key}} if key else {}
        answer = method(self.path + rest, body=body, options=options, cast_to=httpx.Response)
        return answer.json()["result"]


def test_a_hold_is_captured_in_parts(holds, client, account_id):
    before = client.ai_gateway.billing.credit_balance(account_id=account_id).balance
    hold = holds.create(amount=10.5, metadata={"job": "7"})
    assert (hold["state"], hold["metadata"]) == ("open", {"job": "7"})
    first = holds.capture(hold["id"], amount=0.25, description="a page")
    assert first["remaining"] == 10.25
    last = holds.capture(hold["id"], amount=0.25, final=True)
    assert (last["state"], last["captured"], last["remaining"]) == ("captured", 0.5, 0)
    assert [capture["description"] for capture in last["captures"]] == ["a page", None]
    after = client.ai_gateway.billing.credit_balance(account_id=account_id).balance
    assert before - after == pytest.approx(0.5)


def test_a_key_is_one_hold(holds):
    key = str(uuid.uuid4())
    first = holds.create(key, amount=1)
    assert holds.create(key, amount=1)["id"] == first["id"]
    with pytest.raises(ConflictError) as refused:
        holds.create(key, amount=2)
    assert codes(refused) == [8007]
    assert holds.void(first["id"])["state"] == "voided"
    listed = holds.list("state=voided&per_page=1")
    assert listed["result"][0]["id"] == first["id"]
    assert listed["result_info"]["per_page"] == 1


def test_refusals_are_the_sdks_exceptions(holds):
    with pytest.raises(APIStatusError) as refused:
        holds.create(amount=1_000_000_000)
    assert (refused.value.status_code, codes(refused)) == (402, [8020])
    hold = holds.create(amount=1)["id"]
    with pytest.raises(BadRequestError) as refused:
        holds.capture(hold, amount=2)
    assert codes(refused) == [8024]
    holds.void(hold)
    with pytest.raises(BadRequestError) as refused:
        holds.capture(hold, amount=1)
    assert codes(refused) == [8023]
    with pytest.raises(NotFoundError) as refused:
        holds.void("0" * 32)
    assert codes(refused) == [7002]
