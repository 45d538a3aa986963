#!/usr/bin/env bash
# Only 426 makes Codex fall back from WebSocket to HTTP at once, and 400 ends it.
#
# Codex 0.171.0 (npm @openai/codex) with `openai_base_url` first asks `GET …/responses` with `Upgrade: websocket`. What
# it does next depends on the status of a server that has no WebSocket there:
#
#   426                      one GET, then POST over HTTP
#   404, 405, 501, 403, 503  seven GETs in 6 to 12 s ("Reconnecting... 5/5"), then POST over HTTP
#   400                      two GETs, then it ends with an error: no POST
#
# So the usual answers to an unknown method or path cost each session seconds, and a validation error ends it. With
# `model_providers` Codex asks for no WebSocket.
. "$(dirname "$0")/lib.sh"
node_packages @openai/codex@0.171.0
PYTHONPATH=$(dirname "$0") python3 -B - "$work/node_modules/.bin" <<'PY'
import sys

from agents import RESPONSE, Server, codex, error, runs
from server import check

server = Server()


def seen(status):
    server.answers(error(status), RESPONSE)
    runs(codex, server.url, sys.argv[1], 60)
    return len(server.came["GET"]), len(server.came["POST"])


expected = {426: (1, 1), 404: (7, 1), 405: (7, 1), 501: (7, 1), 403: (7, 1), 503: (7, 1), 400: (2, 0)}
check({status: seen(status) for status in expected}, expected)
PY
