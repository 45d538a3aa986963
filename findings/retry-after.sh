#!/usr/bin/env bash
# One `Retry-After`, five readings.
#
# What SDKs do by default with a 429 and `Retry-After: 300`:
#
#   openai 3.57.0 (PyPI)         raises at once, after one request: it doesn't wait longer than 120 s
#   openai 6.49.0 (npm)          waits in silence (seen: still waiting after 12 s; its own longest pause is 8 s)
#   anthropic 2.14.0 (PyPI)      waits in silence, likewise
#   google-genai 3.6.1 (PyPI)    raises at once, after one request, with any `Retry-After`: it repeats nothing by default
#   ai 7.0.173 (npm)             three requests in 6 s: it overlooks a `Retry-After` of more than 60 s
#
# With `x-should-retry: false` beside it the two that wait raise at once; ai overlooks that too. So the Python and the
# TypeScript SDK of one maker differ. What follows for a gateway: a refusal that only a long wait can mend (a spent
# daily budget) needs that header, or a program hangs for hours without a word.
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
node_packages ai@7.0.173 @ai-sdk/openai-compatible@2.0.92 openai@6.49.0
cat >"$work/retry.mjs" <<'JS'
import assert from "node:assert";
import http from "node:http";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";
import OpenAI from "openai";

let headers = {};
let requests = 0;
const server = http.createServer((request, response) => {
    request.resume().on("end", () => {
        requests += 1;
        response.writeHead(429, { "content-type": "application/json", ...headers });
        response.end('{"error":{"message":"why"}}');
    });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${server.address().port}`;
const model = createOpenAICompatible({ name: "x", apiKey: "k", baseURL })("m");
const gpt = new OpenAI({ apiKey: "k", baseURL });
const said = [{ role: "user", content: "hi" }];
const calls = {
    openai: () => gpt.chat.completions.create({ model: "m", messages: said }),
    ai: () => generateText({ model, prompt: "hi" }),
};

async function seen(name, own) {
    [headers, requests] = [own, 0];
    const later = new Promise((resolve) => setTimeout(resolve, 12_000, "still waiting"));
    const ended = await Promise.race([calls[name]().catch((error) => error.constructor.name), later]);
    return `${ended} after ${requests}`;
}

const long = { "retry-after": "300" };
const never = { ...long, "x-should-retry": "false" };
const found = {
    "openai, 300 s": await seen("openai", long),
    "openai, told not to": await seen("openai", never),
    "ai, 300 s": await seen("ai", long),
    "ai, told not to": await seen("ai", never),
};
console.log(found);
assert.deepEqual(found, {
    "openai, 300 s": "still waiting after 1",
    "openai, told not to": "RateLimitError after 1",
    "ai, 300 s": "RetryError after 3",
    "ai, told not to": "RetryError after 3",
});
process.exit(0);
JS
node "$work/retry.mjs"
