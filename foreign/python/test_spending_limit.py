"""The spending limit, by the SDK's own methods; what it refuses, by the SDK's own exception."""

import httpx
import pytest
from cloudflare import BadRequestError, RateLimitError
from conftest import codes


@pytest.fixture
def limits(any_client, account_id):
    limits = any_client.ai_gateway.billing.spending_limit
    yield limits
    limits.delete(account_id=account_id)


def unset(limit):
    config = limit.config
    return (limit.enabled, config.amount, config.duration, config.strategy) == (False, None, None, None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_set_told_and_removed(limits, account_id):
    limits.delete(account_id=account_id)
    assert unset(limits.get(account_id=account_id))
    limits.create(account_id=account_id, amount=10_000, duration="monthly", strategy="sliding")
    limit = limits.get(account_id=account_id)
    assert limit.enabled
    assert (limit.config.amount, limit.config.duration) == (10_000, "monthly")
    assert limit.config.strategy == "sliding"
    limits.delete(account_id=account_id)
    limits.delete(account_id=account_id)
    assert unset(limits.get(account_id=account_id))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_less_than_a_dollar_is_refused(limits, account_id):
    with pytest.raises(BadRequestError) as refused:
        limits.create(account_id=account_id, amount=99, duration="daily", strategy="fixed")
    assert codes(refused) == [7001]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_passes_it_is_refused(any_client, limits, account_id):
    any_client.ai_gateway.billing.topup.create(account_id=account_id, amount=1000)
    limits.create(account_id=account_id, amount=100, duration="weekly", strategy="fixed")
    path = f"/accounts/{account_id}/ai-gateway/billing/holds"
    with pytest.raises(RateLimitError) as refused:
        any_client.post(path, body={"amount": 100.5}, cast_to=httpx.Response)
    assert codes(refused) == [8021]
    assert refused.value.response.headers["x-should-retry"] == "false"
