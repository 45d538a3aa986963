"""A token that may read and not write. `FAREBOX_READ_TOKEN` has it; `foreign/run` makes it."""

import os

import pytest
from cloudflare import PermissionDeniedError
from conftest import codes, connect


@pytest.fixture
def billing():
    with connect(api_token=os.environ["FAREBOX_READ_TOKEN"]) as client:
        yield client.ai_gateway.billing


def test_it_may_look_at_the_balance(billing, account_id):
    assert billing.credit_balance(account_id=account_id).balance >= 0


def test_it_may_not_buy(billing, account_id):
    with pytest.raises(PermissionDeniedError) as refused:
        billing.topup.create(account_id=account_id, amount=1000)
    assert codes(refused) == [10000]


def test_it_may_not_ask_for_a_topups_status(billing, account_id):
    # Cloudflare's page lists "AI Gateway Write" alone as accepted for it.
    with pytest.raises(PermissionDeniedError) as refused:
        billing.topup.status(account_id=account_id, payment_intent_id="in_unknown")
    assert codes(refused) == [10000]
