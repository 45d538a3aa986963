"""Gateways, and the keys and providers of their calls, by the SDK's own methods."""

import os
import uuid

import pytest
from cloudflare import BadRequestError, NotFoundError, PermissionDeniedError
from conftest import codes, connect

REQUIRED = {
    "cache_invalidate_on_update": False,
    "cache_ttl": 0,
    "collect_logs": True,
    "rate_limiting_interval": 0,
    "rate_limiting_limit": 0,
}


@pytest.fixture
def gateways(any_client):
    return any_client.ai_gateway


@pytest.fixture
def gateway(gateways, account_id):
    """A gateway of the test's own."""
    made = gateways.create(account_id=account_id, id=f"py-{uuid.uuid4().hex[:8]}", **REQUIRED)
    yield made
    gateways.delete(made.id, account_id=account_id)


def test_they_are_made_changed_and_removed(gateways, account_id):
    name = f"py-{uuid.uuid4().hex[:8]}"
    made = gateways.create(account_id=account_id, id=name, **{**REQUIRED, "cache_ttl": None})
    assert (made.id, made.cache_ttl, made.authentication) == (name, 0, True)
    assert gateways.get(name, account_id=account_id).to_dict() == made.to_dict()
    changed = gateways.update(
        name,
        account_id=account_id,
        **{**REQUIRED, "collect_logs": False},
        log_management=20_000,
        log_management_strategy="DELETE_OLDEST",
        retry_max_attempts=3,
        retry_delay=100,
        retry_backoff="exponential",
    )
    assert (changed.collect_logs, changed.retry_max_attempts) == (False, 3)
    assert changed.log_management_strategy == "DELETE_OLDEST"
    replaced = gateways.update(name, account_id=account_id, **REQUIRED)
    assert (replaced.log_management, replaced.retry_backoff) == (None, None)
    assert gateways.delete(name, account_id=account_id).id == name
    with pytest.raises(NotFoundError) as refused:
        gateways.get(name, account_id=account_id)
    assert codes(refused) == [7002]


def test_lists_are_followed_to_their_end(gateways, gateway, account_id):
    second = gateways.create(account_id=account_id, id=f"{gateway.id}-b", **REQUIRED)
    listed = list(gateways.list(account_id=account_id, search=gateway.id, per_page=1))
    assert [each.id for each in listed] == [gateway.id, second.id]
    gateways.delete(second.id, account_id=account_id)


def test_refusals_are_the_sdks_exceptions(gateways, gateway, account_id):
    with pytest.raises(BadRequestError) as refused:
        gateways.create(account_id=account_id, id=gateway.id, **REQUIRED)
    assert codes(refused) == [7001]
    with pytest.raises(BadRequestError) as refused:
        gateways.create(account_id=account_id, id="Not an id", **{**REQUIRED, "cache_ttl": -1})
    paths = [error["path"] for error in refused.value.body["errors"]]
    assert paths == [["body", "id"], ["body", "cache_ttl"]]
    with pytest.raises(BadRequestError) as refused:
        gateways.update(gateway.id, account_id=account_id, **REQUIRED, logpush=True)
    assert refused.value.body["errors"][0]["path"] == ["body", "logpush"]
    with pytest.raises(NotFoundError) as refused:
        gateways.update("nowhere", account_id=account_id, **REQUIRED)
    assert codes(refused) == [7002]


def test_whoever_may_only_read_changes_nothing(gateway, account_id):
    with connect(api_token=os.environ["FAREBOX_READ_TOKEN"]) as client:
        assert client.ai_gateway.get(gateway.id, account_id=account_id).to_dict() == gateway.to_dict()
        with pytest.raises(PermissionDeniedError) as refused:
            client.ai_gateway.delete(gateway.id, account_id=account_id)
    assert codes(refused) == [10000]


def test_where_a_provider_is_called(gateways, gateway, account_id):
    url = gateways.urls.get("anthropic", account_id=account_id, gateway_id=gateway.id)
    assert url.endswith(f"/v1/{account_id}/{gateway.id}/anthropic")
    with pytest.raises(NotFoundError) as refused:
        gateways.urls.get("nobody", account_id=account_id, gateway_id=gateway.id)
    assert codes(refused) == [7002]


def test_keys_are_stored_and_never_told(gateways, gateway, account_id):
    configs, secret = gateways.provider_configs, "sk-a-long-secret-1234"
    stored = configs.create(
        gateway.id,
        account_id=account_id,
        alias="work",
        default_config=True,
        provider_slug="openai",
        secret=secret,
    )
    assert (stored.alias, stored.default_config, stored.secret_preview) == ("work", True, "****1234")
    (listed,) = list(configs.list(gateway.id, account_id=account_id))
    assert (listed.id, listed.secret_preview) == (stored.id, "****1234")
    with pytest.raises(BadRequestError) as refused:
        configs.create(
            gateway.id,
            account_id=account_id,
            alias="work",
            default_config=False,
            provider_slug="openai",
            secret=secret,
        )
    assert refused.value.body["errors"][0]["path"] == ["body", "alias"]
    assert secret not in refused.value.response.text


def test_providers_of_ones_own(gateways, gateway, account_id):
    providers, slug = gateways.custom_providers, f"py-{uuid.uuid4().hex[:8]}"
    made = providers.create(
        account_id=account_id,
        name="Mine",
        slug=slug,
        base_url="https://llm.example.com/v1",
        headers='{"x-key": "hush"}',
        enable=True,
    )
    assert (made.slug, made.enable, made.headers) == (slug, True, '{"x-key":"****"}')
    assert providers.get(made.id, account_id=account_id).base_url == "https://llm.example.com/v1"
    (found,) = list(providers.list(account_id=account_id, search=slug, enable=True))
    assert found.id == made.id
    url = gateways.urls.get(f"custom-{slug}", account_id=account_id, gateway_id=gateway.id)
    assert url.endswith(f"/custom-{slug}")
    with pytest.raises(BadRequestError) as refused:
        providers.create(account_id=account_id, name="In", slug=f"{slug}-b", base_url="https://10.0.0.1/")
    assert refused.value.body["errors"][0]["path"] == ["body", "base_url"]
    assert providers.delete(made.id, account_id=account_id).id == made.id
    with pytest.raises(NotFoundError) as refused:
        providers.get(made.id, account_id=account_id)
    assert codes(refused) == [7002]
