"""A server on loopback that answers each request with what `answer` says, and counts them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVENTS = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


class Server:
    """`answer` is (status, headers, body); `requests` counts what has come since it was set."""

    def __init__(self):
        self.requests = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length") or 0))
                server.requests += 1
                status, headers, body = server.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{listener.server_port}"

    def events(self, body):
        self.answer, self.requests = (200, EVENTS, body), 0

    def error(self, status, headers=()):
        self.answer = (status, {**JSON, **dict(headers)}, json.dumps({"error": {"message": "why"}}))
        self.requests = 0


def outcome(call):
    """What a call returns, or the name of what it raises."""
    try:
        return call()
    except Exception as error:
        return type(error).__name__


def check(seen, expected):
    for name in expected:
        print(f"{name}: {seen[name]}")
    assert seen == expected, f"this has changed: expected {expected}"
