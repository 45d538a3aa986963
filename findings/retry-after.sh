#!/usr/bin/env bash
# One `Retry-After`, three readings.
#
# What the SDKs of PyPI do by default with a 429 and `Retry-After: 300`:
#
#   openai 3.57.0         raises at once, after one request: it doesn't wait longer than 120 s
#   anthropic 2.14.0      waits all of it in silence (seen: still waiting after 12 s; its own longest pause is 8 s)
#   google-genai 3.6.1    raises at once, after one request, with any `Retry-After`: it repeats nothing by default
#
# With `x-should-retry: false` beside it anthropic raises at once too. What follows for a gateway: a refusal that only a
# long wait can mend (a spent daily budget) needs that header, or a program hangs for hours without a word.
. "$(dirname "$0")/lib.sh"
python_packages google-genai==3.6.1 anthropic==2.14.0 openai==3.57.0
PYTHONPATH=$(dirname "$0") "$python" -B - <<'PY'
import threading

import anthropic
import openai
from google import genai
from google.genai import types

from server import Server, check, outcome

server = Server()
gemini = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))
gpt = openai.OpenAI(api_key="k", base_url=server.url)
claude = anthropic.Anthropic(api_key="k", base_url=server.url)
said = [{"role": "user", "content": "hi"}]
calls = {
    "openai": lambda: gpt.chat.completions.create(model="m", messages=said),
    "anthropic": lambda: claude.messages.create(model="m", max_tokens=9, messages=said),
    "google-genai": lambda: gemini.models.generate_content(model="m", contents="hi"),
}


def seen(call, **headers):
    server.error(429, {name.replace("_", "-"): value for name, value in headers.items()})
    ended = []
    thread = threading.Thread(target=lambda: ended.append(outcome(call)), daemon=True)
    thread.start()
    thread.join(12)
    return (ended[0] if ended else "still waiting"), server.requests


check(
    {
        "openai, 300 s": seen(calls["openai"], retry_after="300"),
        "google-genai, 300 s": seen(calls["google-genai"], retry_after="300"),
        "google-genai, 1 s": seen(calls["google-genai"], retry_after="1"),
        "anthropic, 300 s": seen(calls["anthropic"], retry_after="300"),
        "anthropic, told not to": seen(calls["anthropic"], retry_after="300", x_should_retry="false"),
    },
    {
        "openai, 300 s": ("RateLimitError", 1),
        "google-genai, 300 s": ("ClientError", 1),
        "google-genai, 1 s": ("ClientError", 1),
        "anthropic, 300 s": ("still waiting", 1),
        "anthropic, told not to": ("RateLimitError", 1),
    },
)
PY
