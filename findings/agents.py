"""Coding agents against a server on loopback that answers what a finding says, in homes of their own."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = {"content-type": "application/json"}
# Nothing but loopback can be reached.
ALONE = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
    "LANG": "C.UTF-8",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "GEMINI_CLI_TRUST_WORKSPACE": "true",
}


def events(*all):
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in all)


# A whole response, streamed.
MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "fine"}]}
USAGE = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
RESPONSE = (200, {"content-type": "text/event-stream"}, events(
    {"type": "response.created", "response": {"id": "r"}},
    {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
    {"type": "response.completed", "response": {"id": "r", "usage": USAGE}},
))


def error(status, **headers):
    """An error that every agent's API could have sent."""
    body = {"type": "error", "error": {"type": "x", "code": status, "status": "X", "message": "because of this"}}
    return status, {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}, json.dumps(body)


class Server:
    """Answers every GET and every POST with (status, headers, body), and keeps when each came."""

    def __init__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def replies(self, answer):
                self.rfile.read(int(self.headers.get("content-length") or 0))
                server.came[self.command].append(time.monotonic())
                status, headers, body = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode() if self.command != "HEAD" else b"")

            def do_HEAD(self):
                self.replies(server.get)

            def do_GET(self):
                self.replies(server.get)

            def do_POST(self):
                self.replies(server.post)

        listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{listener.server_port}"

    def answers(self, get, post):
        self.get, self.post = get, post
        self.came = {"HEAD": [], "GET": [], "POST": []}


def claude(url, home, project):
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": "k"}, ["claude", "-p", "hi", "--model", "sonnet"]


def codex(url, home, project):
    (home / ".codex").mkdir()
    config = f'model = "gpt-5.5"\nopenai_base_url = "{url}"\n'
    (home / ".codex/config.toml").write_text(config)
    return {"CODEX_API_KEY": "k"}, ["codex", "exec", "--skip-git-repo-check", "hi"]


def codex_by_provider(url, home, project):
    """Codex with a provider of its own, for which it asks for no WebSocket."""
    (home / ".codex").mkdir()
    provider = f'[model_providers.x]\nname = "x"\nbase_url = "{url}"\nwire_api = "responses"\nenv_key = "KEY"\n'
    (home / ".codex/config.toml").write_text(f'model = "gpt-5.5"\nmodel_provider = "x"\n{provider}')
    return {"KEY": "k"}, ["codex", "exec", "--skip-git-repo-check", "hi"]


def gemini(url, home, project):
    (home / ".gemini").mkdir()
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / ".gemini/settings.json").write_text(json.dumps(settings))
    keys = {"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": url}
    return keys, ["gemini", "-m", "gemini-2.5-flash", "-p", "hi"]


def opencode(url, home, project):
    options = {"baseURL": url, "apiKey": "k"}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"m": {}}}
    (project / "opencode.json").write_text(json.dumps({"model": "x/m", "provider": {"x": provider}}))
    # With a title of its own it asks for none.
    return {}, ["opencode", "run", "--title", "t", "hi"]


def runs(agent, url, binaries, seconds):
    """What an agent prints, and whether it ended."""
    with tempfile.TemporaryDirectory() as home:
        home = pathlib.Path(home)
        project = home / "project"
        project.mkdir()
        variables, command = agent(url, home, project)
        process = subprocess.Popen(
            command,
            cwd=project,
            env={**ALONE, **variables, "HOME": str(home), "PATH": f"{binaries}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            return process.communicate(timeout=seconds)[0], True
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.communicate()[0], False
