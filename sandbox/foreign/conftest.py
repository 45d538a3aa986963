"""The processes that the tests talk to: the sandboxes, a webhook receiver, localstripe."""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

KEY = "sk_test_foreign"
SECRETS = ["whsec_one", "whsec_two"]
PROVIDER_KEY = "sk-foreign-provider-key"


class Receiver:
    """A webhook endpoint that remembers what it got."""

    def __init__(self):
        self.deliveries = []
        self.refuse = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.deliveries.append((body, self.headers["stripe-signature"]))
                refused = outer.refuse > 0
                outer.refuse -= refused
                self.send_response(500 if refused else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, kind, object_id=None, seconds=10):
        """The first delivery of an event of this kind, about this object."""
        deadline = time.time() + seconds
        while time.time() < deadline:
            for body, signature in list(self.deliveries):
                event = json.loads(body)
                about = event["data"]["object"]["id"]
                if event["type"] == kind and object_id in (None, about):
                    return body, signature
            time.sleep(0.02)
        raise AssertionError(f"no {kind} was delivered about {object_id}")


class Sandbox:
    """A sandbox as a process, and its controls."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]

    def control(self, path, body=None, method=None):
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)

    def authenticate(self, intent, outcome):
        kind = "setup_intents" if intent.startswith("seti_") else "payment_intents"
        return self.control(f"{kind}/{intent}/authenticate", {"outcome": outcome})


@pytest.fixture(scope="session")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture(scope="session")
def sandbox(receiver):
    command = [os.environ["SANDBOX_BIN"], "--key", KEY, "--webhook", receiver.url]
    for secret in SECRETS:
        command += ["--webhook-secret", secret]
    sandbox = Sandbox(*command)
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="session")
def provider():
    provider = Sandbox(os.environ["PROVIDER_BIN"], "--key", PROVIDER_KEY)
    yield provider
    provider.stop()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def localstripe():
    """localstripe's base URL. It is GPL, so it runs as a process and nothing here imports it."""
    port = free_port()
    command = [sys.executable, "-m", "localstripe", "--from-scratch", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=1)
        except urllib.error.HTTPError:
            break
        except OSError:
            assert process.poll() is None, "localstripe ended before it answered"
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(timeout=10)
