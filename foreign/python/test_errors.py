"""Every refusal arrives as the SDK's own exception, with a code to branch on."""

import cloudflare
import pytest
from cloudflare import (
    AuthenticationError,
    BadRequestError,
    Cloudflare,
    NotFoundError,
    PermissionDeniedError,
)
from conftest import DEV, codes, connect


def test_the_smallest_topup_is_ten_dollars(any_client, account_id):
    with pytest.raises(BadRequestError) as refused:
        any_client.ai_gateway.billing.topup.create(account_id=account_id, amount=999)
    assert codes(refused) == [7001]
    assert refused.value.body["errors"][0]["path"] == ["body", "amount"]
    assert refused.value.body["success"] is False


def test_an_unknown_field_is_refused(client, account_id):
    with pytest.raises(BadRequestError) as refused:
        client.ai_gateway.billing.topup.create(
            account_id=account_id, amount=1000, extra_body={"payment_metod_id": "pm_1"}
        )
    assert codes(refused) == [7001]


def test_a_declined_card(any_client, account_id):
    create = any_client.ai_gateway.billing.topup.create
    before = any_client.ai_gateway.billing.credit_balance(account_id=account_id).balance
    with pytest.raises(BadRequestError) as refused:
        create(account_id=account_id, amount=1000, payment_method_id="pm_card_chargeDeclined")
    assert codes(refused) == [8001]
    after = any_client.ai_gateway.billing.credit_balance(account_id=account_id).balance
    assert after == before


def test_somebody_elses_card(client, account_id):
    with pytest.raises(BadRequestError) as refused:
        client.ai_gateway.billing.topup.create(
            account_id=account_id, amount=1000, payment_method_id="pm_of_somebody_else"
        )
    assert codes(refused) == [8005]


def test_an_unknown_topup(any_client, account_id):
    with pytest.raises(NotFoundError) as refused:
        any_client.ai_gateway.billing.topup.status(
            account_id=account_id, payment_intent_id="in_unknown"
        )
    assert codes(refused) == [7002]


def test_a_wrong_token(account_id):
    with connect(api_token="not-a-token") as client, pytest.raises(AuthenticationError) as refused:
        client.ai_gateway.billing.credit_balance(account_id=account_id)
    assert codes(refused) == [10000]


def test_a_wrong_key(account_id):
    stranger = connect(api_email=DEV["email"], api_key="0" * 37)
    with stranger as client, pytest.raises(AuthenticationError) as refused:
        client.ai_gateway.billing.credit_balance(account_id=account_id)
    assert codes(refused) == [9103]


def test_no_credentials_at_all(account_id):
    # The SDK itself insists on some, unless it is told that their absence is meant.
    bare = {"Authorization": cloudflare.omit, "X-Auth-Email": cloudflare.omit}
    with connect(api_token="unused") as client, pytest.raises(AuthenticationError) as refused:
        client.ai_gateway.billing.credit_balance(account_id=account_id, extra_headers=bare)
    assert codes(refused) == [9106]


def test_another_account(any_client):
    with pytest.raises(PermissionDeniedError) as refused:
        any_client.ai_gateway.billing.credit_balance(account_id="0" * 32)
    assert codes(refused) == [9109]


def test_a_token_tells_about_itself(strict):
    with connect(strict=strict, api_token=DEV["token"]) as client:
        verified = client.user.tokens.verify()
    assert (verified.status, len(verified.id)) == ("active", 32)


def test_a_wrong_token_is_not_verified():
    with connect(api_token="not-a-token") as client, pytest.raises(AuthenticationError) as refused:
        client.user.tokens.verify()
    assert codes(refused) == [1000]


def test_an_endpoint_that_is_not_there(client, account_id):
    with pytest.raises(NotFoundError) as refused:
        client.get(f"/accounts/{account_id}/ai-gateway/nothing", cast_to=object)
    assert codes(refused) == [7003]


def test_every_answer_has_a_ray(client: Cloudflare, account_id):
    answer = client.ai_gateway.billing.with_raw_response.credit_balance(account_id=account_id)
    assert answer.headers["cf-ray"]
    with pytest.raises(BadRequestError) as refused:
        client.ai_gateway.billing.topup.create(account_id=account_id, amount=1)
    assert refused.value.response.headers["cf-ray"]
