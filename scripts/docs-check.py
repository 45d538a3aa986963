"""What scripts/docs-check does: runs the blocks of pages, each page in a shell of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
FAREBOX = Path(os.environ["FAREBOX_BIN"]).resolve()
FENCE = re.compile(r"^(\s*)```(\w+)?(?: (.*))?$")
# Pages whose blocks another test runs, with what they need: foreign/agents.
ELSEWHERE = ["docs/how-to/coding-agents.md"]
# What a block may be marked with, by its language. A shell's block runs if nothing else is said.
MARKS = {"sh": {None: "runs", "fails": "fails", "norun": None}, "python": {"run": "runs", "norun": None}}
SECONDS_MAX = 60
KEY, SECRET = "sk_test_docs", "whsec_docs"


class Failure(Exception):
    pass


class Block:
    def __init__(self, line, language, outcome, text):
        self.line, self.language, self.outcome, self.text = line, language, outcome, text

    @property
    def script(self):
        """As a part of the page's shell script."""
        if self.language == "python":
            python = "FOREIGN_PYTHON" if "from cloudflare" in self.text else "MODELS_PYTHON"
            return f"\"${python}\" - <<'END_OF_BLOCK'\n{self.text}END_OF_BLOCK\n"
        if self.outcome == "fails":
            return f"if ( set -e\n{self.text}); then echo 'it should have failed'; exit 1; fi\n"
        return self.text


def blocks(page):
    """The blocks of a page that run."""
    found, lines = [], iter(enumerate((ROOT / page).read_text().splitlines(), 1))
    for number, line in lines:
        fence = FENCE.match(line)
        if not fence:
            continue
        indent, language, mark = fence.groups()
        inner = []
        for _, text in lines:
            if text.strip() == "```":
                break
            inner.append(text.removeprefix(indent) + "\n")
        if language in MARKS:
            if mark not in MARKS[language]:
                known = ", ".join(str(each) for each in MARKS[language])
                raise Failure(f"{page}:{number}: {language} is marked {mark}; there are: {known}")
            if outcome := MARKS[language][mark]:
                found.append(Block(number, language, outcome, "".join(inner)))
    return found


def first_line(command, env=None):
    """Starts a server, and reads the line of JSON that it prints once it is ready."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True)
    line = server.stdout.readline()
    if not line:
        server.kill()
        raise Failure(f"{command[0]} ended before it was ready")
    return server, json.loads(line)


def control(stripe, path, body=None):
    """Asks the sandbox's Stripe to do something."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{stripe}/_sandbox/{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def free_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


class Servers:
    """A `farebox dev`, and for pages that start `farebox serve` a Stripe and a provider for that."""

    def __init__(self, folder, serves):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FAREBOX_", "CLOUDFLARE_"))}
        self.started, self.stripe, self.options = [], None, {}
        command = [FAREBOX, "dev", "--json", "--listen", "127.0.0.1:0", "--dir", folder / "dev"]
        dev = self.start(command, clean)
        self.address = dev["base_url"].removeprefix("http://").removesuffix("/client/v4")
        self.env = clean | {
            "FAREBOX": f"http://{self.address}",
            "ACCOUNT": dev["account_id"],
            "TOKEN": dev["token"],
            "CLOUDFLARE_BASE_URL": dev["base_url"],
            "CLOUDFLARE_ACCOUNT_ID": dev["account_id"],
            "CLOUDFLARE_API_TOKEN": dev["token"],
        }
        if serves:
            self.serve(clean)

    def serve(self, clean):
        """What `farebox serve` is told by its variables, which go before its file."""
        examples = FAREBOX.parent / "examples"
        self.address = free_address()
        self.stripe = self.start([examples / "stripe", "--key", KEY], clean)["url"]
        provider = self.start([examples / "provider"], clean)["url"]
        control(self.stripe, "webhook", {"url": f"http://{self.address}/webhooks/stripe", "secrets": [SECRET]})
        self.options = {
            "FAREBOX_HTTP__LISTEN": self.address,
            "FAREBOX_HTTP__METRICS_LISTEN": "",
            "FAREBOX_STRIPE__BASE_URL": self.stripe,
            "FAREBOX_STRIPE__SECRET_KEY": KEY,
            "FAREBOX_STRIPE__WEBHOOK_SECRETS": SECRET,
            "FAREBOX_PROVIDERS__KEYS": "openai=sk-docs",
            "FAREBOX_PROVIDERS__URLS": f"openai={provider}",
        }

    def start(self, command, env):
        server, ready = first_line(command, env)
        self.started.append(server)
        return ready

    def save_cards(self):
        """The customer enters a card on each page of Stripe's that is open."""
        if not self.stripe:
            return
        objects = [each for kind in control(self.stripe, "state").values() for each in kind]
        for session in objects:
            if session["object"] == "checkout.session" and session["status"] == "open":
                path = f"checkout/sessions/{session['id']}/complete"
                control(self.stripe, path, {"payment_method": "pm_card_visa"})
                # Until Farebox has heard of it.
                time.sleep(2)

    def stop(self):
        for server in self.started:
            server.terminate()
        for server in self.started:
            server.wait(timeout=90)


def script_of(page_blocks, servers):
    """A script that says when a block is done, and goes on when it is told to."""
    # What a block leaves running ends with the script, which would otherwise never be read to its end.
    parts, options = ["set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n"], servers.options
    for block in page_blocks:
        if "farebox.toml" in block.text:
            # From here on the page is about `farebox serve`.
            parts.extend(f"export {name}='{value}'\n" for name, value in options.items())
            options = {}
        parts.append(block.script.replace("127.0.0.1:8080", servers.address))
        parts.append("printf '\\n\\036\\n'; read -r _ <&7\n")
    return "".join(parts)


def run_page(page, page_blocks):
    with tempfile.TemporaryDirectory(prefix="farebox-docs-") as name:
        folder = Path(name)
        for each in ("bin", "work"):
            (folder / each).mkdir()
        (folder / "bin/farebox").symlink_to(FAREBOX)
        # An error's status fails a block.
        (folder / ".curlrc").write_text("fail-with-body\nmax-time = 30\n")
        servers = Servers(folder, any("farebox serve" in block.text for block in page_blocks))
        try:
            env = servers.env | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "CURL_HOME": str(folder)}
            (folder / "script").write_text(script_of(page_blocks, servers))
            run_script(page, page_blocks, folder, env, servers)
        finally:
            servers.stop()


def run_script(page, page_blocks, folder, env, servers):
    go_on, tell = os.pipe()
    shell = subprocess.Popen(
        ["bash", "-c", f"exec 7<&{go_on}; . {folder / 'script'}"],
        cwd=folder / "work",
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[go_on],
        start_new_session=True,
        text=True,
    )
    os.close(go_on)
    # Its own group, with what its blocks have left running.
    end = threading.Timer(SECONDS_MAX, lambda: os.killpg(shell.pid, signal.SIGKILL))
    end.start()
    try:
        for block in page_blocks:
            said = []
            for line in shell.stdout:
                if line == "\x1e\n":
                    break
                said.append(line)
            else:
                raise Failure(f"{page}:{block.line}: this block failed:\n{block.text}\nIt said:\n{''.join(said)}")
            if "--show" in sys.argv:
                print(f"--- {page}:{block.line}\n{''.join(said)}")
            servers.save_cards()
            os.write(tell, b"\n")
    finally:
        end.cancel()
        os.close(tell)
        try:
            os.killpg(shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        shell.wait()


def main():
    pages = [each for each in sys.argv[1:] if not each.startswith("--")]
    every = [Path("README.md"), *sorted(page.relative_to(ROOT) for page in (ROOT / "docs").rglob("*.md"))]
    pages = [Path(page) for page in pages] or every
    count, faults = 0, []
    for page in pages:
        if str(page) in ELSEWHERE:
            continue
        try:
            if page_blocks := blocks(page):
                run_page(page, page_blocks)
                print(f"{page}: {len(page_blocks)}")
                count += len(page_blocks)
        except Failure as failure:
            faults.append(failure)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{count} blocks ran")
    return 1 if faults else 0


sys.exit(main())
