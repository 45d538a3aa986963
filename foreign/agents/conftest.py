"""Four coding agents, as npm has them, on prepaid credit: Claude Code, Codex, opencode and Gemini CLI do a task with
tools against the sandbox's provider, through a running Farebox, as `foreign/run` calls them.

Their settings are those of docs/how-to/coding-agents.md. The agents reach loopback and nothing else: a proxy that
refuses stands before the rest of the internet.

  AGENTS_BIN  the directory of the agents' programs; the rest is as for the suite of the SDKs (../models)
"""

import dataclasses
import os
import subprocess
from pathlib import Path

import guide
import pytest
from models.conftest import STRIPE_KEY, WEBHOOK_SECRET, Example, Farebox, call, provider  # noqa: F401

# Nothing listens on the discard port: a connection to anything but loopback is refused at once.
REFUSES = "http://127.0.0.1:9"
QUIET = {
    "HTTPS_PROXY": REFUSES,
    "HTTP_PROXY": REFUSES,
    "NO_PROXY": "127.0.0.1,localhost",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
}
# An agent needs a second or two; the machine may be busy.
SECONDS = 120
TOPUP_MIN_CENTS = 1000


class Customer:
    """An account with its own credit and its own token."""

    billing, buys, balance = Farebox.billing, Farebox.buys, Farebox.balance

    def __init__(self, farebox, cents):
        self.url, self.stripe = farebox.url, farebox.stripe
        self.account = farebox.told("account", "create", "--name", "Agents")["id"]
        self.writer, self.runner = (farebox.token(permission, self.account) for permission in ("write", "run"))
        if cents:
            self.has(cents)

    def has(self, cents):
        """Buys credit, and spends what is above so many cents."""
        self.buys(max(cents, TOPUP_MIN_CENTS))
        if too_much := max(TOPUP_MIN_CENTS - cents, 0):
            hold = self.billing("holds", {"amount": too_much})["id"]
            self.billing(f"holds/{hold}/capture", {"amount": too_much, "final": True})

    def logs(self):
        """The account's calls that were charged or refused, as the management API lists them."""
        path = f"accounts/{self.account}/ai-gateway/gateways/default/logs?per_page=50"
        return call(f"{self.url}/client/v4/{path}", self.writer)["result"]


@dataclasses.dataclass
class Run:
    """What an agent did."""

    status: int
    printed: str
    directory: Path

    def file(self):
        return (self.directory / "hello.txt").read_text()


class Agent:
    """One agent of the page, in a home and a directory of its own."""

    def __init__(self, heading, customer, directory, more=""):
        self.home, self.project = directory / "home", directory / "project"
        self.home.mkdir(parents=True)
        self.project.mkdir()
        section = guide.sections()[heading]
        for path, text in section.files.items():
            place = self.home / path[2:] if path.startswith("~/") else self.project / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(guide.filled_in(text, customer))
        self.script = guide.filled_in(section.script, customer).rstrip() + more

    def starts(self):
        path = f"{os.environ['AGENTS_BIN']}:{os.environ['PATH']}"
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", self.script],
            cwd=self.project,
            env={"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", **QUIET},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ends(self, process):
        try:
            printed, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
            printed += f"\nstill running after {SECONDS} s"
        return Run(process.returncode, printed, self.project)

    def runs(self):
        return self.ends(self.starts())


@pytest.fixture(scope="session")
def farebox(provider, tmp_path_factory):  # noqa: F811
    stripe = Example("SANDBOX_BIN", "--key", STRIPE_KEY)
    farebox = Farebox(stripe, provider, tmp_path_factory.mktemp("farebox"))
    stripe.control("webhook", {"url": f"{farebox.url}/webhooks/stripe", "secrets": [WEBHOOK_SECRET]})
    yield farebox
    farebox.stop()
    stripe.stop()
