"""What an account can read back of its own history, by the SDK and, where it has no call, on the wire."""

import csv
import io
import time
from decimal import Decimal

import pytest
from cloudflare import BadRequestError, Cloudflare
from conftest import codes

HOUR, DAY = 3600, 86400


@pytest.fixture
def billing(client):
    return client.ai_gateway.billing


def test_usage_by_day_is_thirty_days_up_to_today(any_client, account_id):
    history = any_client.ai_gateway.billing.usage_history(
        account_id=account_id, value_grouping_window="day"
    ).history
    assert len(history) == 30
    assert all(window.end_time - window.start_time == DAY for window in history)
    assert all(window.start_time % DAY == 0 for window in history)
    assert history[-1].start_time <= time.time() < history[-1].end_time


def test_null_times_are_absent(billing, account_id):
    history = billing.usage_history(
        account_id=account_id, value_grouping_window="hour", start_time=None, end_time=None
    ).history
    assert len(history) == 24


def test_the_start_is_inclusive_and_the_end_exclusive(billing, account_id):
    start = 1_700_006_400
    for as_type in (int, float):
        history = billing.usage_history(
            account_id=account_id,
            value_grouping_window="hour",
            start_time=as_type(start * 1000),
            end_time=as_type((start + 3 * HOUR) * 1000),
        ).history
        assert [window.start_time for window in history] == [start, start + HOUR, start + 2 * HOUR]
        assert history[0].id == f"usage_hour_{start}"


def test_too_many_windows_are_refused(billing, account_id):
    with pytest.raises(BadRequestError) as refused:
        billing.usage_history(account_id=account_id, value_grouping_window="hour", start_time=0)
    assert codes(refused) == [7001]
    assert refused.value.body["errors"][0]["path"] == ["query", "start_time"]


def test_invoices_are_those_of_the_topups(any_client, account_id):
    billing = any_client.ai_gateway.billing
    topup = billing.topup.create(account_id=account_id, amount=1000)
    history = billing.invoice_history(account_id=account_id, type="manual")
    invoice = history.invoices[0]
    assert (invoice.id, invoice.status) == (topup.payment_intent_id, "paid")
    assert (invoice.amount_due, invoice.amount_paid, invoice.amount_remaining) == (1000, 1000, 0)
    assert invoice.invoice_origin == "manual" and invoice.invoice_pdf.startswith("http")
    assert history.pagination.page == 1
    assert billing.invoice_history(account_id=account_id, type="auto").invoices == []


def test_a_page_past_the_end_is_empty(billing, account_id):
    past = billing.invoice_history(account_id=account_id, extra_query={"page": 999, "per_page": 1})
    assert past.invoices == [] and not past.pagination.has_more


def test_the_running_month(any_client, account_id):
    preview = any_client.ai_gateway.billing.invoice_preview(account_id=account_id)
    assert preview.status == "draft"
    assert preview.period_start <= time.time() < preview.period_end
    assert preview.amount_due == sum(line.amount for line in preview.invoice_lines)
    assert preview.amount_remaining == 0


def test_transactions_tell_how_the_balance_came_about(client, billing, account_id):
    billing.topup.create(account_id=account_id, amount=1000)
    path = f"/accounts/{account_id}/ai-gateway/billing/transactions"
    change, cursor = Decimal(0), ""
    while cursor is not None:
        page = client.get(path, cast_to=dict, options={"params": {"per_page": 2, "cursor": cursor}})
        assert len(page["result"]["transactions"]) <= 2
        # The exact decimals that were sent: a sum of floats isn't.
        change += sum(Decimal(str(one["change"])) for one in page["result"]["transactions"])
        cursor = page["result"]["next_cursor"]
    assert change == Decimal(str(billing.credit_balance(account_id=account_id).balance))


def test_transactions_as_a_file(client, account_id):
    path = f"/accounts/{account_id}/ai-gateway/billing/transactions"
    text = client.get(path, cast_to=str, options={"headers": {"accept": "text/csv"}})
    rows = list(csv.DictReader(io.StringIO(text)))
    assert any(row["code"] == "top_up" and row["amount"] == "1000" for row in rows)


def test_what_may_be_bought(client, account_id):
    path = f"/accounts/{account_id}/ai-gateway/billing/topup"
    limits = client.get(f"{path}/limits", cast_to=dict)["result"]
    assert limits["currency"] == "usd" and 1000 <= limits["min_cents"] <= limits["max_cents"]
    manual = client.get(f"{path}/eligibility", cast_to=dict)["result"]["manual_topup"]
    assert manual == {"eligible": True, "reasons": [], "limits": limits}
