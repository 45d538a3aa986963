"""When an account tops itself up, by the SDK's own methods. Cloudflare takes these calls from its dashboard
alone; here a token that may write will do."""

import time

import pytest
from cloudflare import BadRequestError
from conftest import codes


@pytest.fixture
def config(any_client, account_id):
    config = any_client.ai_gateway.billing.topup.config
    yield config
    config.delete(account_id=account_id)


def fields(config):
    return (
        config.amount,
        config.threshold,
        config.error,
        config.disabled_reason,
        config.last_failed_at,
    )


def test_it_is_set_told_and_removed(any_client, config, account_id):
    any_client.ai_gateway.billing.topup.create(account_id=account_id, amount=1000)
    config.delete(account_id=account_id)
    assert fields(config.get(account_id=account_id)) == (None,) * 5
    made = config.create(account_id=account_id, amount=5000, threshold=500)
    assert (made.amount, made.threshold) == (5000, 500)
    assert fields(config.get(account_id=account_id)) == (5000, 500, None, None, None)
    balance = any_client.ai_gateway.billing.credit_balance(account_id=account_id)
    assert fields(balance.topup_config) == (5000, 500, None, None, None)
    config.delete(account_id=account_id)
    config.delete(account_id=account_id)
    assert fields(config.get(account_id=account_id)) == (None,) * 5


def test_what_is_too_small_is_refused(config, account_id):
    with pytest.raises(BadRequestError) as refused:
        config.create(account_id=account_id, amount=999, threshold=499)
    assert codes(refused) == [7001, 7001]


def test_an_account_that_is_low_tops_itself_up(client, account_id):
    billing = client.ai_gateway.billing
    before = billing.credit_balance(account_id=account_id).balance
    billing.topup.config.create(account_id=account_id, amount=1500, threshold=int(before) + 100)
    try:
        deadline = time.monotonic() + 10
        while billing.credit_balance(account_id=account_id).balance < before + 1500:
            assert time.monotonic() < deadline, billing.topup.config.get(account_id=account_id)
            time.sleep(0.1)
    finally:
        billing.topup.config.delete(account_id=account_id)
    assert billing.credit_balance(account_id=account_id).balance == before + 1500
    newest = billing.invoice_history(account_id=account_id, type="auto").invoices[0]
    assert (newest.amount_paid, newest.status, newest.invoice_origin) == (1500, "paid", "auto")
