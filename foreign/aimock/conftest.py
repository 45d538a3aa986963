"""A provider of models that others wrote, npm `@copilotkit/aimock`, sold by a running Farebox, as `foreign/run`
calls it. What it takes besides is the suite's of the SDKs (../models): the servers, the SDKs, the credit.

  AIMOCK  its program `llmock`; it takes none but the operator's keys
"""

import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
from models.conftest import KEYS, costs, farebox, only_the_suites_credentials, sdks  # noqa: F401

FIXTURES = Path(__file__).parent / "fixtures"


class Aimock:
    """The program, and its controls."""

    def __init__(self, log):
        self.log = open(log, "w+")
        self.process = subprocess.Popen(
            ["node", os.environ["AIMOCK"], "--port", "0", "--fixtures", FIXTURES],
            env={"PATH": os.environ["PATH"], "AIMOCK_API_KEYS": ",".join(KEYS.values())},
            stdout=self.log,
            stderr=self.log,
        )
        self.url = self._address()

    def _address(self):
        for _ in range(300):
            listening = re.search(r"listening on (http://\S+)", Path(self.log.name).read_text())
            if listening:
                return listening[1]
            try:
                self.process.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError(f"aimock does not listen:\n{Path(self.log.name).read_text()}")

    def control(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {KEYS['openai']}", "content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/__aimock/{path}", data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.log.close()


@pytest.fixture(scope="session")
def provider(tmp_path_factory):
    provider = Aimock(tmp_path_factory.mktemp("aimock") / "log")
    yield provider
    provider.stop()


@pytest.fixture
def chaos(provider):
    """Makes every call fail in this way, until the test's end."""
    yield lambda fault: provider.control("chaos", {fault: 1})
    provider.control("chaos", method="DELETE")
