"""Stripe's own Python SDK drives the sandbox through every flow, and verifies its webhooks."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest
import stripe

from conftest import KEY, SECRETS


@pytest.fixture(scope="module")
def client(sandbox):
    return stripe.StripeClient(KEY, base_addresses={"api": sandbox.url}, max_network_retries=0).v1


def customer_with(client, card="pm_card_visa"):
    customer = client.customers.create({"email": "sdk@example.com", "name": "SDK"})
    method = client.payment_methods.attach(card, {"customer": customer.id})
    assert method.customer == customer.id and method.id != card
    settings = {"default_payment_method": method.id}
    return client.customers.update(customer.id, {"invoice_settings": settings})


def opened(client, customer, amount=5000):
    invoice = client.invoices.create({
        "customer": customer.id, "auto_advance": False, "currency": "usd", "discounts": "",
        "collection_method": "charge_automatically", "metadata": {"topup_id": "t-1"},
        "pending_invoice_items_behavior": "exclude",
    })
    client.invoice_items.create({
        "customer": customer.id, "invoice": invoice.id, "amount": amount, "currency": "usd",
        "description": "Credits",
    })
    expand = ["confirmation_secret", "payments"]
    return client.invoices.finalize_invoice(invoice.id, {"auto_advance": False, "expand": expand})


def intent_of(invoice):
    return invoice.payments.data[0].payment.payment_intent


def test_a_top_up(client, receiver):
    customer = customer_with(client)
    invoice = opened(client, customer)
    assert (invoice.status, invoice.amount_due) == ("open", 5000)
    paid = client.invoices.pay(invoice.id, {"off_session": False})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 5000, 0)
    assert paid.metadata["topup_id"] == "t-1"
    assert client.payment_intents.retrieve(intent_of(invoice)).status == "succeeded"
    for kind in ("invoice.paid", "invoice.payment_succeeded", "invoice.finalized"):
        receiver.wait_for(kind, invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="Invoice is already paid"):
        client.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        client.invoices.void_invoice(invoice.id)


def test_a_decline(client, receiver):
    invoice = opened(client, customer_with(client, "pm_card_chargeCustomerFail"))
    with pytest.raises(stripe.CardError) as caught:
        client.invoices.pay(invoice.id, {"off_session": True})
    error = caught.value
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error.decline_code == "generic_decline"
    intent = client.payment_intents.retrieve(intent_of(invoice))
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == "card_declined"
    assert client.invoices.retrieve(invoice.id).status == "open"
    receiver.wait_for("invoice.payment_failed", invoice.id)
    assert client.invoices.void_invoice(invoice.id).status == "void"
    assert client.payment_intents.retrieve(intent.id).status == "canceled"
    receiver.wait_for("invoice.voided", invoice.id)


def test_authentication(client, sandbox, receiver):
    customer = customer_with(client, "pm_card_authenticationRequired")
    invoice = opened(client, customer)
    with pytest.raises(stripe.CardError) as caught:
        client.invoices.pay(invoice.id, {"off_session": False})
    assert caught.value.code == "invoice_payment_intent_requires_action"
    receiver.wait_for("invoice.payment_action_required", invoice.id)
    again = client.invoices.retrieve(invoice.id, {"expand": ["confirmation_secret"]})
    assert again.confirmation_secret.client_secret.startswith(intent_of(invoice) + "_secret_")
    sandbox.authenticate(intent_of(invoice), "succeed")
    assert client.invoices.retrieve(invoice.id).status == "paid"
    away = opened(client, customer)
    with pytest.raises(stripe.CardError) as caught:
        client.invoices.pay(away.id)
    assert caught.value.code == "authentication_required"


def test_a_setup_intent_spares_later_authentication(client, sandbox, receiver):
    customer = client.customers.create({})
    made = client.setup_intents.create({
        "customer": customer.id, "usage": "off_session", "confirm": True,
        "payment_method": "pm_card_authenticationRequiredOnSetup",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    })
    assert made.status == "requires_action"
    sandbox.authenticate(made.id, "succeed")
    receiver.wait_for("setup_intent.succeeded", made.id)
    method = client.setup_intents.retrieve(made.id).payment_method
    invoice = opened(client, customer)
    paid = client.invoices.pay(invoice.id, {"payment_method": method, "off_session": True})
    assert paid.status == "paid"


def submit(url, **fields):
    """Sends a page's form as a browser would, and gives back where that leads to."""
    class Still(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    data = urllib.parse.urlencode(fields).encode() if fields else None
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(Still).open(url, data, timeout=10)
    assert caught.value.code == 303
    return caught.value.headers["location"]


def test_a_card_is_saved_on_the_checkout_page(client, receiver):
    customer = client.customers.create({"email": "page@example.com"})
    session = client.checkout.sessions.create({
        "mode": "setup", "currency": "usd", "customer": customer.id,
        "success_url": "https://example.com/done?s={CHECKOUT_SESSION_ID}",
        "setup_intent_data": {"metadata": {"account": "7"}},
    })
    assert (session.status, session.payment_status) == ("open", "no_payment_required")
    question = submit(session.url, card="pm_card_authenticationRequiredOnSetup")
    page, _, secret = question.partition("?client_secret=")
    back = submit(page, client_secret=secret, outcome="succeed")
    assert submit(back) == f"https://example.com/done?s={session.id}"
    receiver.wait_for("checkout.session.completed", session.id)
    receiver.wait_for("setup_intent.succeeded", session.setup_intent)
    done = client.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (done.status, done.setup_intent.metadata["account"]) == ("complete", "7")
    method = done.setup_intent.payment_method
    receiver.wait_for("payment_method.attached", method)
    invoice = opened(client, customer)
    paid = client.invoices.pay(invoice.id, {"payment_method": method, "off_session": True})
    assert paid.status == "paid"


def test_a_checkout_session_expires(client, receiver):
    customer = client.customers.create({"name": "late"})
    made = {"mode": "setup", "payment_method_types": ["card"], "customer": customer.id,
            "success_url": "https://example.com/done"}
    session = client.checkout.sessions.create(made)
    assert client.checkout.sessions.expire(session.id).status == "expired"
    receiver.wait_for("checkout.session.expired", session.id)
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        client.checkout.sessions.expire(session.id)


def test_a_detached_default_card(client, receiver):
    customer = customer_with(client)
    method = customer.invoice_settings.default_payment_method
    client.payment_methods.detach(method)
    body, _ = receiver.wait_for("payment_method.detached", method)
    assert json.loads(body)["data"]["previous_attributes"] == {"customer": customer.id}
    [event] = client.events.list({"type": "customer.updated", "limit": 1}).data
    assert event.data.object["id"] == customer.id
    assert event.data.object["invoice_settings"]["default_payment_method"] is None


def test_refunds(client, receiver):
    invoice = opened(client, customer_with(client))
    client.invoices.pay(invoice.id)
    intent = intent_of(invoice)
    part = client.refunds.create({"payment_intent": intent, "amount": 1500})
    assert (part.status, part.amount) == ("succeeded", 1500)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.refunds.create({"payment_intent": intent, "amount": 4000})
    rest = client.refunds.create({"charge": part.charge})
    assert rest.amount == 3500
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"charge": part.charge})
    assert caught.value.code == "charge_already_refunded"
    assert client.charges.retrieve(part.charge).refunded
    receiver.wait_for("charge.refunded", part.charge)
    receiver.wait_for("refund.created", rest.id)


def paid(client, card="pm_card_visa"):
    """The intent of an invoice that this card has paid."""
    invoice = opened(client, customer_with(client, card))
    client.invoices.pay(invoice.id)
    return intent_of(invoice)


def test_a_refund_fails_afterwards(client, receiver):
    intent = paid(client, "pm_card_refundFail")
    refund = client.refunds.create({"payment_intent": intent})
    assert refund.status == "succeeded"
    receiver.wait_for("refund.failed", refund.id)
    failed = client.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.failure_balance_transaction.net == 5000
    charge = client.charges.retrieve(refund.charge)
    assert (charge.amount_refunded, charge.refunded) == (0, False)


def test_a_refund_is_pending_first(client, sandbox, receiver):
    intent = paid(client)
    sandbox.control("refunds/pending", {"next": 1})
    refund = client.refunds.create({"payment_intent": intent, "amount": 700})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    sandbox.control(f"refunds/{refund.id}/succeed", {})
    receiver.wait_for("refund.updated", refund.id)
    assert client.refunds.retrieve(refund.id).status == "succeeded"
    listed = client.refunds.list({"payment_intent": intent})
    assert [found.id for found in listed.data] == [refund.id]


def test_a_dispute_is_won(client, receiver):
    intent = paid(client, "pm_card_createDispute")
    [dispute] = client.disputes.list({"payment_intent": intent}).data
    assert (dispute.status, dispute.reason) == ("needs_response", "fraudulent")
    assert [moved.amount for moved in dispute.balance_transactions] == [-5000]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"payment_intent": intent})
    assert caught.value.code == "charge_disputed"
    evidence = {"uncategorized_text": "winning_evidence"}
    answer = client.disputes.update(dispute.id, {"evidence": evidence})
    assert answer.status == "under_review"
    for kind in ("created", "funds_withdrawn", "updated", "funds_reinstated", "closed"):
        receiver.wait_for(f"charge.dispute.{kind}", dispute.id)
    won = client.disputes.retrieve(dispute.id)
    assert (won.status, len(won.balance_transactions)) == ("won", 2)
    assert client.charges.retrieve(dispute.charge).disputed


def test_a_dispute_is_accepted(client):
    intent = paid(client, "pm_card_createDispute")
    [dispute] = client.disputes.list({"payment_intent": intent}).data
    assert client.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        client.disputes.close(dispute.id)


def test_an_inquiry_becomes_a_chargeback(client, sandbox, receiver):
    intent = paid(client)
    opened = sandbox.control("disputes", {"payment_intent": intent, "kind": "inquiry", "amount": 900})
    for step in ("escalate", "withdraw"):
        sandbox.control(f"disputes/{opened['id']}/{step}", {})
    sandbox.control(f"disputes/{opened['id']}/close", {"status": "lost"})
    receiver.wait_for("charge.dispute.closed", opened["id"])
    dispute = client.disputes.retrieve(opened["id"], {"expand": ["charge"]})
    assert (dispute.status, dispute.amount, dispute.charge.disputed) == ("lost", 900, True)


def test_idempotency(client):
    key = {"idempotency_key": str(uuid.uuid4())}
    first = client.customers.create({"name": "once"}, key)
    again = client.customers.create({"name": "once"}, key)
    assert first.id == again.id
    assert "idempotent-replayed" not in first.last_response.headers
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        client.customers.create({"name": "twice"}, key)
    with pytest.raises(stripe.IdempotencyError):
        client.payment_intents.create({"amount": 500, "currency": "usd"}, key)


def test_a_declined_payment_is_replayed_and_not_repeated(client):
    invoice = opened(client, customer_with(client, "pm_card_chargeCustomerFail"))
    key = {"idempotency_key": str(uuid.uuid4())}
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.invoices.pay(invoice.id, {}, key)
    charges = client.charges.list({"payment_intent": intent_of(invoice)})
    assert len(charges.data) == 1


def test_the_sdk_retries_what_a_fault_broke(client, sandbox):
    retrying = stripe.StripeClient(
        KEY, base_addresses={"api": sandbox.url}, max_network_retries=3).v1
    for action in ({"kind": "close_after"}, {"kind": "answer", "status": 500},
                   {"kind": "close_before"}):
        sandbox.control("faults", {"method": "POST", "path": "/v1/customers", "action": action})
        name = str(uuid.uuid4())
        made = retrying.customers.create({"name": name})
        named = [c.id for c in client.customers.list({"limit": 100}).data if c.name == name]
        assert named == [made.id], f"after {action}"
    sandbox.control("faults/clear", {})


def test_pages(client):
    customer = customer_with(client)
    made = [opened(client, customer).id for _ in range(5)]
    listed = client.invoices.list({"customer": customer.id, "limit": 2})
    assert [invoice.id for invoice in listed.auto_paging_iter()] == made[::-1]
    assert listed.has_more
    kinds = {"types": ["invoice.finalized", "invoice.created"], "limit": 3}
    events = client.events.list(kinds)
    found = [e for e in events.auto_paging_iter() if e.data.object["customer"] == customer.id]
    assert len(found) == 10
    newer = client.events.list({**kinds, "ending_before": found[-1].id})
    assert all(event.created >= found[-1].created for event in newer.data)


def test_webhooks_verify(client, receiver):
    invoice = opened(client, customer_with(client))
    client.invoices.pay(invoice.id)
    body, signature = receiver.wait_for("invoice.paid", invoice.id)
    assert signature.count("v1=") == len(SECRETS)
    for secret in SECRETS:
        event = stripe.Webhook.construct_event(body, signature, secret)
        assert event.type == "invoice.paid" and event.data.object["id"] == invoice.id
    fetched = client.events.retrieve(json.loads(body)["id"])
    assert fetched.data.object["id"] == invoice.id
    for bad in ((body, signature, "whsec_wrong"), (body + b" ", signature, SECRETS[0]),
                (body, signature.replace("t=1", "t=2"), SECRETS[0])):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(*bad)


def test_a_refused_webhook_comes_again(client, receiver):
    receiver.refuse = 2
    customer = client.customers.create({"name": "again"})
    receiver.wait_for("customer.created", customer.id)
    deliveries = lambda: [b for b, _ in receiver.deliveries if customer.id.encode() in b]
    deadline = time.time() + 10
    while len(deliveries()) < 3 and time.time() < deadline:
        time.sleep(0.02)
    assert len(deliveries()) == 3 and len(set(map(bytes, deliveries()))) == 1


def test_errors(client, sandbox):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.invoices.retrieve("in_unknown")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.customers.create({"nonsense": "x"})
    assert (caught.value.code, caught.value.param) == ("parameter_unknown", "nonsense")
    assert caught.value.request_id.startswith("req_")
    wrong = stripe.StripeClient("sk_test_wrong", base_addresses={"api": sandbox.url}).v1
    with pytest.raises(stripe.AuthenticationError):
        wrong.customers.list()
