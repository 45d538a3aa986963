"""Logs of calls, by the SDK's own methods, with filters as the SDK writes them."""

import json
import urllib.error
import urllib.request
import uuid

import pytest
from cloudflare import BadRequestError, NotFoundError
from conftest import DEV, codes

GATEWAY = "default"


def call(words, event, notes=None, model="gpt-4o"):
    """A call to a model; the id of its log."""
    headers = {"authorization": f"Bearer {DEV['token']}", "content-type": "application/json", "cf-aig-event-id": event}
    if notes:
        headers["cf-aig-metadata"] = json.dumps(notes)
    body = {"model": model, "messages": [{"role": "user", "content": words}]}
    url = f"{DEV['gateway_url']}/openai/v1/chat/completions"
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.headers["cf-aig-log-id"]
    except urllib.error.HTTPError as refused:
        return refused.headers["cf-aig-log-id"]


@pytest.fixture
def logs(any_client, account_id):
    any_client.ai_gateway.billing.topup.create(account_id=account_id, amount=1000)
    return any_client.ai_gateway.logs


@pytest.fixture
def event():
    """What the test's own calls are known by."""
    return uuid.uuid4().hex


def equal(key, *values):
    return {"key": key, "operator": "eq", "value": list(values)}


@pytest.fixture
def ids(logs, account_id, event):
    """The ids of the logs that match, newest first."""

    def ids(*filters, **more):
        filters = [equal("event_id", event), *filters]
        found = logs.list(GATEWAY, account_id=account_id, filters=filters, per_page=50, **more)
        return [log.id for log in found]

    return ids


def test_they_are_found_by_every_kind_of_filter(ids, event):
    small, large = call("one two", event), call("one two three four five six", event, model="gpt-4o-mini")
    failed = call("a [sandbox status=429]", event)
    assert ids() == [failed, large, small]
    assert ids(equal("success", True)) == [large, small]
    assert ids(equal("model", "gpt-4o")) == [failed, small]
    assert ids({"key": "model", "operator": "contains", "value": ["MINI"]}) == [large]
    assert ids({"key": "tokens_in", "operator": "gt", "value": [3]}) == [large]
    assert ids(equal("provider", "openai"), {"key": "cost", "operator": "gt", "value": [0.00002]}) == [small]
    assert ids(equal("id", failed), equal("success", False)) == [failed]
    assert ids(equal("feedback", None)) == [failed, large, small]
    assert ids({"key": "success", "operator": "neq", "value": [True]}) == [failed]
    assert ids(order_by="created_at", order_by_direction="asc") == [small, large, failed]
    assert ids(success=True, model="gpt-4o") == [small], "as it was before there were filters"


def test_the_values_of_a_filter_are_alternatives(logs, account_id, event):
    other = uuid.uuid4().hex
    calls = [call("one", event), call("one", other)]
    filters = [equal("event_id", event, other, "nothing"), equal("success", True)]
    found = logs.list(GATEWAY, account_id=account_id, filters=filters)
    assert [log.id for log in found] == calls[::-1]


@pytest.mark.parametrize("strict", [False], ids=["loose"])
def test_by_the_callers_notes(ids, event):
    # The SDK says that metadata is a text, and it is an object, on Cloudflare's wire too.
    noted = call("one", event, {"user": event, "try": 2})
    call("one", event)
    assert ids(equal("metadata.key", "user"), equal("metadata.value", event)) == [noted]
    assert ids(equal("metadata.value", "2")) == [noted]
    assert ids(search=event) == [noted]
    assert ids(equal("metadata.value", "3")) == []


def test_one_log_and_what_was_said(logs, account_id, event):
    log_id = call("one two", event)
    at = {"account_id": account_id, "gateway_id": GATEWAY}
    log = logs.get(log_id, **at)
    assert (log.provider, log.model, log.status_code, log.success) == ("openai", "gpt-4o", 200, True)
    assert log.cost == pytest.approx((log.tokens_in * 2.5 + log.tokens_out * 10) / 1_000_000)
    assert log.request_head_complete and json.loads(log.request_head)["model"] == "gpt-4o"
    assert logs.request(log_id, **at)["messages"][0]["content"] == "one two"
    assert logs.response(log_id, **at)["usage"]["prompt_tokens"] == log.tokens_in
    logs.edit(log_id, **at, feedback=-1, score=7)
    (judged,) = logs.list(
        GATEWAY,
        account_id=account_id,
        filters=[equal("feedback", -1), equal("event_id", event)],
    )
    assert judged.id == log_id


def test_they_are_removed(logs, ids, account_id, event):
    calls = [call("one", event) for _ in range(3)]
    of_these = [equal("event_id", event)]
    removed = logs.delete(GATEWAY, account_id=account_id, filters=of_these, limit=1)
    assert removed.success
    assert ids() == [calls[2], calls[1]]
    logs.delete(GATEWAY, account_id=account_id, filters=of_these)
    assert ids() == []
    with pytest.raises(NotFoundError) as refused:
        logs.get(calls[0], account_id=account_id, gateway_id=GATEWAY)
    assert codes(refused) == [7002]


def test_refusals_are_the_sdks_exceptions(logs, account_id):
    with pytest.raises(BadRequestError) as refused:
        logs.list(GATEWAY, account_id=account_id, filters=[equal("colour", "red")])
    assert codes(refused) == [7001]
    assert refused.value.body["errors"][0]["path"] == ["query", "filters", "0", "key"]
    two_ways = [equal("model", "a", "b"), equal("provider", "c")]
    with pytest.raises(BadRequestError, match="It can't be told"):
        logs.list(GATEWAY, account_id=account_id, filters=two_ways)
    with pytest.raises(NotFoundError) as refused:
        logs.list("nowhere", account_id=account_id)
    assert codes(refused) == [7002]
    with pytest.raises(NotFoundError) as refused:
        logs.request("01K8W2S3T4V5W6X7Y8Z9A0B1C2", account_id=account_id, gateway_id=GATEWAY)
    assert codes(refused) == [7002]
