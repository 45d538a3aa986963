"""Every answer and every request of a broad run, against Stripe's OpenAPI description."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

import openapi
from conftest import KEY

PUBLISHABLE = "pk_test_foreign"


def encode(value, name=""):
    """Nested data as Stripe's clients write forms."""
    if isinstance(value, dict):
        pairs = value.items()
        return [p for k, v in pairs for p in encode(v, f"{name}[{k}]" if name else k)]
    if isinstance(value, list):
        return [p for v in value for p in encode(v, f"{name}[]")]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    return [(name, str(value))]


class Checked:
    """A client that validates whatever it is answered."""

    def __init__(self, url):
        self.url = url
        self.answers = 0

    def call(self, method, path, params=None, key=KEY, status=200):
        form = urllib.parse.urlencode(encode(params or {}))
        url = self.url + path + (f"?{form}" if method == "GET" and form else "")
        data = form.encode() if method == "POST" else None
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("authorization", f"Bearer {key}")
        try:
            answer = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        body = json.load(answer)
        assert answer.status == status, (method, path, answer.status, body)
        openapi.check_answer(method, path, answer.status, body)
        self.answers += 1
        return body

    def get(self, path, expected=200, key=KEY, **params):
        return self.call("GET", path, params, key, expected)

    def post(self, path, expected=200, key=KEY, **params):
        return self.call("POST", path, params, key, expected)


@pytest.fixture(scope="module")
def client(sandbox):
    urllib.request.urlopen(urllib.request.Request(f"{sandbox.url}/_sandbox/requests", method="DELETE"))
    return Checked(sandbox.url)


def new_customer(client, card="pm_card_visa"):
    customer = client.post("/v1/customers", email="a@example.com", metadata={"account": "7"})["id"]
    if card:
        method = client.post(f"/v1/payment_methods/{card}/attach", customer=customer)["id"]
        settings = {"default_payment_method": method}
        client.post(f"/v1/customers/{customer}", invoice_settings=settings)
    return customer


def draft(client, customer, amount=5000):
    invoice = client.post(
        "/v1/invoices", customer=customer, auto_advance=False, currency="usd",
        collection_method="charge_automatically", pending_invoice_items_behavior="exclude",
        discounts="", metadata={"topup_id": "t1"}, automatic_tax={"enabled": True},
    )["id"]
    client.post(
        "/v1/invoiceitems", customer=customer, invoice=invoice, amount=amount, currency="usd",
        description="Credits", tax_behavior="exclusive", metadata={"kind": "manual"},
    )
    return invoice


def opened(client, customer, amount=5000):
    invoice = draft(client, customer, amount)
    return client.post(
        f"/v1/invoices/{invoice}/finalize", auto_advance=False,
        expand=["confirmation_secret", "payments"],
    )


def intent_of(invoice):
    return invoice["payments"]["data"][0]["payment"]["payment_intent"]


def test_customers_and_cards(client):
    customer = new_customer(client)
    client.get(f"/v1/customers/{customer}", expand=["invoice_settings.default_payment_method"])
    client.get("/v1/customers", limit=2, created={"gte": 1})
    made = client.post("/v1/payment_methods", type="card", card={"token": "tok_mastercard"},
                       billing_details={"name": "A", "address": {"country": "DE"}})
    client.post(f"/v1/payment_methods/{made['id']}/attach", customer=customer, expand=["customer"])
    client.get("/v1/payment_methods", customer=customer, type="card")
    client.get(f"/v1/customers/{customer}/payment_methods", limit=1)
    client.get(f"/v1/customers/{customer}/payment_methods/{made['id']}")
    client.get("/v1/payment_methods/pm_card_visa")
    client.post(f"/v1/payment_methods/{made['id']}/detach")
    number = {"number": "4000002500003155", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    client.post("/v1/payment_methods", type="card", card=number)
    other = new_customer(client, None)
    client.call("DELETE", f"/v1/customers/{other}")
    client.get(f"/v1/customers/{other}")


def test_a_paid_invoice_and_its_refunds(client):
    customer = new_customer(client)
    invoice = opened(client, customer)
    intent = intent_of(invoice)
    paid = client.post(f"/v1/invoices/{invoice['id']}/pay", off_session=False, expand=[
        "payments.data.payment.payment_intent", "customer", "confirmation_secret",
    ])
    assert paid["status"] == "paid"
    client.get(f"/v1/invoices/{invoice['id']}/lines")
    client.get("/v1/invoices", customer=customer, status="paid", created={"gte": 1}, limit=3,
               expand=["data.payments"])
    client.get("/v1/invoiceitems", invoice=invoice["id"])
    client.get("/v1/invoice_payments", invoice=invoice["id"],
               payment={"type": "payment_intent", "payment_intent": intent})
    found = client.get(f"/v1/payment_intents/{intent}", expand=["latest_charge", "payment_method"])
    charge = found["latest_charge"]["id"]
    client.get("/v1/charges", payment_intent=intent)
    client.post("/v1/refunds", payment_intent=intent, amount=2000, reason="requested_by_customer")
    client.post("/v1/refunds", 400, charge=charge, amount=4000)
    client.post("/v1/refunds", charge=charge, metadata={"why": "all of it"})
    client.post("/v1/refunds", 400, charge=charge)
    client.get("/v1/refunds", charge=charge, expand=["data.charge"])
    client.get(f"/v1/charges/{charge}", expand=["refunds", "customer"])
    client.post(f"/v1/invoices/{invoice['id']}/void", 400)
    client.post(f"/v1/invoices/{invoice['id']}", metadata={"note": "kept"})


def paid(client, card="pm_card_visa"):
    """The intent of an invoice that this card has paid."""
    invoice = opened(client, new_customer(client, card))
    client.post(f"/v1/invoices/{invoice['id']}/pay")
    return intent_of(invoice)


def test_what_becomes_of_refunds(client, sandbox):
    intent = paid(client)
    sandbox.control("refunds/pending", {"next": 2})
    ends = [("succeed", {}), ("cancel", {}), ("fail", {"reason": "lost_or_stolen_card"})]
    for end, body in ends:
        refund = client.post("/v1/refunds", payment_intent=intent, amount=500)["id"]
        client.post(f"/v1/refunds/{refund}/cancel", 400)
        sandbox.control(f"refunds/{refund}/{end}", body)
        client.get(f"/v1/refunds/{refund}",
                   expand=["balance_transaction", "failure_balance_transaction"])
    made = sandbox.control("refunds", {"payment_intent": intent})
    client.get(f"/v1/balance_transactions/{made['balance_transaction']}")
    client.post(f"/v1/refunds/{made['id']}", metadata={"note": "by hand"})
    for card in ("pm_card_pendingRefund", "pm_card_refundFail"):
        client.post("/v1/refunds", payment_intent=paid(client, card), expand=["charge"])


@pytest.mark.parametrize("card", [
    "pm_card_createDispute", "pm_card_createDisputeInquiry", "pm_card_createDisputeProductNotReceived",
])
@pytest.mark.parametrize("words", [
    "winning_evidence", "losing_evidence", "escalate_inquiry_evidence", "nothing of note",
])
def test_disputes(client, card, words):
    intent = paid(client, card)
    listed = client.get("/v1/disputes", payment_intent=intent, created={"gte": 1}, limit=2,
                        expand=["data.charge", "data.payment_intent"])
    dispute = listed["data"][0]
    path = f"/v1/disputes/{dispute['id']}"
    client.post("/v1/refunds", 200 if dispute["is_charge_refundable"] else 400,
                payment_intent=intent, amount=100)
    client.post(path, evidence={"uncategorized_text": words, "customer_name": "A"}, submit=False)
    client.post(path, submit=True, metadata={"note": "sent"})
    closed = client.get(path)["status"] in ("won", "lost", "warning_closed", "warning_under_review")
    client.post(f"{path}/close", 400 if closed else 200)
    client.get("/v1/disputes", charge=dispute["charge"]["id"])


@pytest.mark.parametrize("off_session, code", [
    (True, "authentication_required"),
    (False, "invoice_payment_intent_requires_action"),
])
@pytest.mark.parametrize("outcome", ["succeed", "fail"])
def test_authentication(client, sandbox, off_session, code, outcome):
    customer = new_customer(client, "pm_card_authenticationRequired")
    invoice = opened(client, customer)
    refused = client.post(f"/v1/invoices/{invoice['id']}/pay", 402, off_session=off_session)
    assert refused["error"]["code"] == code
    intent = client.get(f"/v1/payment_intents/{intent_of(invoice)}")
    if not off_session:
        sandbox.authenticate(intent["id"], outcome)
    client.get(f"/v1/payment_intents/{intent['id']}", expand=["latest_charge"])
    client.get(f"/v1/invoices/{invoice['id']}", expand=["payments", "confirmation_secret"])


def test_declines_and_ends(client):
    customer = new_customer(client, "pm_card_chargeCustomerFail")
    invoice = opened(client, customer)["id"]
    refused = client.post(f"/v1/invoices/{invoice}/pay", 402, off_session=True)
    assert refused["error"]["decline_code"] == "generic_decline"
    client.post(f"/v1/invoices/{invoice}/mark_uncollectible")
    client.post(f"/v1/invoices/{invoice}/void")
    client.post(f"/v1/invoices/{invoice}/pay", 400)
    elsewhere = opened(client, customer)["id"]
    client.post(f"/v1/invoices/{elsewhere}/pay", paid_out_of_band=True)
    tiny = opened(client, customer, 20)
    assert (tiny["status"], tiny["ending_balance"]) == ("paid", 20)
    client.call("DELETE", f"/v1/invoices/{draft(client, customer)}")
    client.post("/v1/payment_methods/pm_card_chargeDeclined/attach", 402, customer=customer)


def test_a_new_card_pays_from_the_browser(client):
    invoice = opened(client, new_customer(client, None))
    secret = invoice["confirmation_secret"]["client_secret"]
    path = f"/v1/payment_intents/{intent_of(invoice)}"
    card = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2041, "cvc": "123"}
    card = client.post("/v1/payment_methods", key=PUBLISHABLE, type="card", card=card)["id"]
    client.get(path, client_secret=secret, key=PUBLISHABLE)
    client.post(f"{path}/confirm", key=PUBLISHABLE, client_secret=secret, payment_method=card,
                return_url="https://example.com/back", setup_future_usage="off_session")
    assert client.get(f"/v1/invoices/{invoice['id']}")["status"] == "paid"


def test_intents_on_their_own(client, sandbox):
    intent = client.post("/v1/payment_intents", amount=1500, currency="usd", description="x",
                         automatic_payment_methods={"enabled": True}, metadata={"a": "b"})
    asked = client.post(f"/v1/payment_intents/{intent['id']}/confirm",
                        payment_method="pm_card_authenticationRequired",
                        return_url="https://example.com/back")
    assert asked["next_action"]["type"] == "redirect_to_url"
    client.post(f"/v1/payment_intents/{intent['id']}/cancel", cancellation_reason="duplicate")
    client.get("/v1/payment_intents", limit=5)
    client.post("/v1/payment_intents", 400, amount=10, currency="usd")


@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_authenticationRequiredOnSetup"])
def test_setup_intents(client, sandbox, card):
    customer = new_customer(client, None)
    made = client.post("/v1/setup_intents", customer=customer, usage="off_session",
                       automatic_payment_methods={"enabled": True})
    path = f"/v1/setup_intents/{made['id']}"
    confirmed = client.post(f"{path}/confirm", payment_method=card,
                            return_url="https://example.com/back")
    if confirmed["status"] == "requires_action":
        sandbox.authenticate(made["id"], "succeed")
    assert client.get(path, expand=["payment_method"])["status"] == "succeeded"
    assert client.get("/v1/payment_methods", customer=customer)["data"]
    spare = client.post("/v1/setup_intents", customer=customer)["id"]
    client.post(f"/v1/setup_intents/{spare}/cancel", cancellation_reason="abandoned")
    client.get("/v1/setup_intents", customer=customer)
    refused = client.post("/v1/setup_intents", 402, customer=customer, confirm=True,
                          payment_method="pm_card_chargeDeclined")
    assert refused["error"]["setup_intent"]["status"] == "requires_payment_method"


def setup_session(client, customer):
    return client.post(
        "/v1/checkout/sessions", mode="setup", currency="usd", customer=customer,
        success_url="https://example.com/done?s={CHECKOUT_SESSION_ID}",
        cancel_url="https://example.com/back", metadata={"account": "7"},
        setup_intent_data={"metadata": {"account": "7"}}, expand=["setup_intent", "customer"],
    )


def test_checkout_sessions(client, sandbox):
    customer = new_customer(client, None)
    session = setup_session(client, customer)
    path = f"/v1/checkout/sessions/{session['id']}"
    intent = session["setup_intent"]["id"]
    client.post(f"/v1/setup_intents/{intent}/confirm", 400, payment_method="pm_card_visa")
    card = {"payment_method": "pm_card_authenticationRequired"}
    sandbox.control(f"checkout/sessions/{session['id']}/complete", card)
    complete = client.get(path, expand=["setup_intent.payment_method"])
    assert complete["setup_intent"]["payment_method"]["customer"] == customer
    client.post(f"{path}/expire", 400)
    other = setup_session(client, customer)["id"]
    client.post(f"/v1/checkout/sessions/{other}/expire")
    client.get("/v1/checkout/sessions", customer=customer, status="expired", created={"gte": 1})
    client.post("/v1/checkout/sessions", 400, mode="setup", customer=customer,
                success_url="https://example.com/done")
    method = complete["setup_intent"]["payment_method"]["id"]
    settings = {"default_payment_method": method}
    client.post(f"/v1/customers/{customer}", invoice_settings=settings)
    client.post(f"/v1/payment_methods/{method}/detach")
    client.get("/v1/events", types=["payment_method.detached", "customer.updated"], limit=5)


def test_refusals(client):
    client.post("/v1/customers", 400, nonsense="x")
    client.post("/v1/invoices", 400)
    client.post("/v1/invoices", 400, customer="cus_unknown")
    client.get("/v1/invoices/in_unknown", 404)
    client.get("/v1/customers", 401, key="sk_test_other")
    client.get("/v1/customers", 403, key=PUBLISHABLE)


def test_every_event_and_object(client, sandbox):
    """Whatever the other tests left behind: each event's object is what its type says."""
    seen, cursor = 0, {}
    while True:
        page = client.get("/v1/events", limit=100, types=["invoice.paid", "invoice.voided"], **cursor)
        seen += len(page["data"])
        if not page["has_more"]:
            break
        cursor = {"starting_after": page["data"][-1]["id"]}
    assert seen
    state = sandbox.control("state")
    for kind, objects in state.items():
        for value in objects:
            openapi.check_object(f"deleted_{kind}" if value.get("deleted") else kind, value)
    for event in state["event"]:
        about = event["data"]["object"]
        openapi.check_object(about["object"], about)
        assert event["api_version"] == openapi.API_VERSION


def test_every_request(sandbox):
    """Each request of this run was one that Stripe would take, but for those meant to be wrong."""
    checked = 0
    for request in sandbox.control("requests")["requests"]:
        if "nonsense" in request["form"]:
            continue
        form, query = request["form"], request["query"]
        assert not re.search(r"4\d{12}", json.dumps(request)), "a card number is in the journal"
        openapi.check_request(request["method"], request["path"], query, form)
        checked += 1
    assert checked > 100


def test_the_check_can_fail(client):
    """The validator is not satisfied by just anything."""
    good = client.get(f"/v1/customers/{new_customer(client)}")
    for bad in ({**good, "created": "yesterday"}, {**good, "invented": 1},
                {k: v for k, v in good.items() if k != "livemode"}):
        with pytest.raises(AssertionError):
            openapi.check_object("customer", bad)
    for form in ({"invented": "1"}, {"balance": "ten"}, {"invoice_settings": {"invented": "1"}}):
        with pytest.raises(AssertionError):
            openapi.check_request("POST", "/v1/customers", {}, form)
