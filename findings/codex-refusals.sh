#!/usr/bin/env bash
# Codex repeats what can't succeed, and keeps the reason to itself if it gives up.
#
# Codex 0.171.0 (npm @openai/codex) with `wire_api = "responses"`, and an error in OpenAI's shape with
# `code: insufficient_quota`:
#
#   402                                  six requests, then the reason
#   403                                  six requests, then the reason
#   429                                  one request, then "Quota exceeded. Check your plan and billing details.": no reason
#   200 with an event `response.failed`  the same as 429
#   400                                  one request, then the whole error as JSON: the reason
#
# `x-should-retry: false` changes nothing. So a gateway without credit for a call has one status with which Codex neither
# repeats the prompt nor hides why: 400.
. "$(dirname "$0")/lib.sh"
node_packages @openai/codex@0.171.0
PYTHONPATH=$(dirname "$0") python3 -B - "$work/node_modules/.bin" <<'PY'
import json
import sys

from agents import JSON, Server, codex_by_provider, events, runs
from server import check

REASON = "The prepaid credit is used up."
ERROR = {"message": REASON, "type": "insufficient_quota", "code": "insufficient_quota", "param": None}
FAILED = {"id": "r", "status": "failed", "error": {"code": "insufficient_quota", "message": REASON}}
server = Server()


def seen(answer):
    server.answers((404, {}, ""), answer)
    printed, ended = runs(codex_by_provider, server.url, sys.argv[1], 90)
    return len(server.came["POST"]), ended and REASON in printed


def refused(status):
    return status, {**JSON, "x-should-retry": "false"}, json.dumps({"error": ERROR})


stream = 200, {"content-type": "text/event-stream"}, events({"type": "response.failed", "response": FAILED})
answers = {"402": refused(402), "403": refused(403), "429": refused(429), "400": refused(400), "200": stream}
check(
    {name: seen(answer) for name, answer in answers.items()},
    {"402": (6, True), "403": (6, True), "429": (1, False), "400": (1, True), "200": (1, False)},
)
PY
