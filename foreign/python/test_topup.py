"""Buying credit, as a user of the SDK does it."""

import time
import uuid

import pytest
from cloudflare import AsyncCloudflare, ConflictError
from conftest import DEV, codes, connect

HELD = {"Prefer": "wait=10"}


def completed(client, account_id, payment_intent_id):
    """Asks until the credit is there, as the SDK's users do, and gives up after ten seconds."""
    deadline = time.monotonic() + 10
    while True:
        response = client.ai_gateway.billing.topup.status(
            account_id=account_id, payment_intent_id=payment_intent_id
        )
        assert response.payment_intent_id == payment_intent_id
        if response.status == "completed":
            return
        assert response.status == "pending"
        assert time.monotonic() < deadline, "the top-up is still pending"
        time.sleep(0.1)


def balance(client, account_id):
    return client.ai_gateway.billing.credit_balance(account_id=account_id).balance


def test_the_documentations_example(account_id, monkeypatch):
    """The snippet of Cloudflare's page on top-up status: only the ids and the base URL are ours."""
    with connect(api_token=DEV["token"]) as payer:
        bought = payer.ai_gateway.billing.topup.create(account_id=account_id, amount=1000)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", DEV["base_url"])
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", DEV["token"])

    import os

    from cloudflare import Cloudflare

    client = Cloudflare(
        api_token=os.environ.get("CLOUDFLARE_API_TOKEN"),
    )
    response = client.ai_gateway.billing.topup.status(
        account_id=account_id,
        payment_intent_id=bought.payment_intent_id,
    )
    assert response.payment_intent_id == bought.payment_intent_id
    assert response.status in ("completed", "pending")
    client.close()


def test_a_topup_ends_in_the_balance(any_client, account_id):
    before = balance(any_client, account_id)
    bought = any_client.ai_gateway.billing.topup.create(account_id=account_id, amount=1234)
    assert bought.payment_intent_id.startswith("in_")
    assert bought.client_secret is None
    assert bought.onboarding is True
    assert (bought.brand, bought.last4) == ("visa", "4242")
    completed(any_client, account_id, bought.payment_intent_id)
    assert balance(any_client, account_id) == before + 1234


@pytest.mark.anyio
async def test_the_async_client_does_the_same(any_async_client, account_id):
    billing = any_async_client.ai_gateway.billing
    before = (await billing.credit_balance(account_id=account_id)).balance
    bought = await billing.topup.create(account_id=account_id, amount=1000)
    status = await billing.topup.status(
        account_id=account_id,
        payment_intent_id=bought.payment_intent_id,
        extra_headers=HELD,
    )
    assert (status.payment_intent_id, status.status) == (bought.payment_intent_id, "completed")
    assert (await billing.credit_balance(account_id=account_id)).balance == before + 1000


def test_the_balance_has_every_field(any_client, account_id):
    answer = any_client.ai_gateway.billing.credit_balance(account_id=account_id)
    assert answer.has_default_payment_method is True
    assert (answer.payment_method.brand, answer.payment_method.last4) == ("visa", "4242")
    sent = {"amount", "threshold", "disabled_reason", "error", "last_failed_at"}
    assert sent <= answer.topup_config.model_fields_set
    assert isinstance(answer.first_topup_success, bool)


def test_a_card_named_in_the_call_is_charged(client, account_id):
    bought = client.ai_gateway.billing.topup.create(
        account_id=account_id, amount=1000, payment_method_id="pm_card_visa"
    )
    completed(client, account_id, bought.payment_intent_id)


def test_3d_secure_is_pending_until_the_cardholder_has_passed(any_client, account_id, authenticate):
    before = balance(any_client, account_id)
    bought = any_client.ai_gateway.billing.topup.create(
        account_id=account_id, amount=1000, payment_method_id="pm_card_authenticationRequired"
    )
    assert bought.client_secret.startswith("pi_")
    status = any_client.ai_gateway.billing.topup.status(
        account_id=account_id, payment_intent_id=bought.payment_intent_id
    )
    assert status.status == "pending"
    assert balance(any_client, account_id) == before
    authenticate(bought.client_secret)
    completed(any_client, account_id, bought.payment_intent_id)
    assert balance(any_client, account_id) == before + 1000


def test_prefer_wait_holds_the_answer_until_it_is_completed(client, account_id, authenticate):
    bought = client.ai_gateway.billing.topup.create(
        account_id=account_id, amount=1000, payment_method_id="pm_card_authenticationRequired"
    )

    def status(wait):
        return client.ai_gateway.billing.topup.status(
            account_id=account_id,
            payment_intent_id=bought.payment_intent_id,
            extra_headers={"Prefer": f"wait={wait}"},
        ).status

    begun = time.monotonic()
    assert status(1) == "pending"
    assert time.monotonic() - begun >= 0.9, "the answer was not held"
    authenticate(bought.client_secret)
    assert status(10) == "completed"


def test_the_same_idempotency_key_buys_once(client, account_id):
    before = balance(client, account_id)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    create = client.ai_gateway.billing.topup.create
    first = create(account_id=account_id, amount=1000, extra_headers=key)
    again = create(account_id=account_id, amount=1000, extra_headers=key)
    assert again.payment_intent_id == first.payment_intent_id
    completed(client, account_id, first.payment_intent_id)
    assert balance(client, account_id) == before + 1000
    with pytest.raises(ConflictError) as refused:
        create(account_id=account_id, amount=2000, extra_headers=key)
    assert codes(refused) == [8007]
    assert balance(client, account_id) == before + 1000


def test_a_conflict_is_not_worth_the_sdks_retries(account_id):
    """Left to themselves the SDKs repeat a 409 twice: the answer has to tell them not to."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    with connect(retries=2, api_token=DEV["token"]) as client:
        create = client.ai_gateway.billing.topup.create
        create(account_id=account_id, amount=1000, extra_headers=key)
        with pytest.raises(ConflictError) as refused:
            create(account_id=account_id, amount=2000, extra_headers=key)
    assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"


@pytest.mark.anyio
async def test_many_at_once_with_one_key_buy_once(account_id):
    """Racing requests get the one top-up, or hear that the first is still running; never a second."""
    import asyncio

    key = {"Idempotency-Key": str(uuid.uuid4())}
    async with connect(AsyncCloudflare, retries=2, api_token=DEV["token"]) as client:
        billing = client.ai_gateway.billing
        before = (await billing.credit_balance(account_id=account_id)).balance
        calls = [
            billing.topup.create(account_id=account_id, amount=1000, extra_headers=key)
            for _ in range(5)
        ]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        bought = {a.payment_intent_id for a in answers if not isinstance(a, Exception)}
        refused = [a for a in answers if isinstance(a, Exception)]
        assert len(bought) == 1
        assert all(isinstance(error, ConflictError) for error in refused), refused
        status = await billing.topup.status(
            account_id=account_id, payment_intent_id=bought.pop(), extra_headers=HELD
        )
        assert status.status == "completed"
        assert (await billing.credit_balance(account_id=account_id)).balance == before + 1000
