#!/usr/bin/env bash
# google-genai 3.6.1 (PyPI) reads server-sent events by halves.
#
# The event stream format (WHATWG HTML, section 9.2.6) has comments, the fields `event`, `id` and `retry`, and an
# optional space after the colon. The SDK splits the stream at blank lines and takes what doesn't begin with `data: `
# for an error's JSON. So each of these valid streams raises, even if the part comes after the last answer:
#
#   data: with a space                     ['a', 'b']
#   a comment before the first event       UnknownApiResponseError
#   a comment after the last event         UnknownApiResponseError
#   an event with the field `event`        UnknownApiResponseError
#   an event with the field `id`           UnknownApiResponseError
#   data: without the space                UnknownApiResponseError
#   [DONE] at the end, as OpenAI's have    UnknownApiResponseError
#
# Lines that end in LF, CR or CR LF are all read. What follows for a gateway: no keep-alive comment, and nothing of its
# own, in a stream in Gemini's format.
. "$(dirname "$0")/lib.sh"
python_packages google-genai==3.6.1
PYTHONPATH=$(dirname "$0") "$python" -B - <<'PY'
import json

from google import genai
from google.genai import types

from server import Server, check, outcome

server = Server()
client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))


def answer(text, prefix="data: "):
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
    return prefix + json.dumps({"candidates": [candidate]}) + "\r\n\r\n"


def read(body):
    server.events(body)
    stream = lambda: client.models.generate_content_stream(model="m", contents="hi")
    return outcome(lambda: [chunk.text for chunk in stream()])


both = answer("a") + answer("b")
raises = "UnknownApiResponseError"
check(
    {
        "plain": read(both),
        "LF": read(both.replace("\r\n", "\n")),
        "CR": read(both.replace("\r\n", "\r")),
        "comment first": read(": working\r\n\r\n" + both),
        "comment last": read(both + ": over\r\n\r\n"),
        "event": read("event: message\r\n" + both),
        "id": read("id: 1\r\n" + both),
        "no space": read(answer("a", "data:") + answer("b", "data:")),
        "[DONE]": read(both + "data: [DONE]\r\n\r\n"),
    },
    {
        "plain": ["a", "b"],
        "LF": ["a", "b"],
        "CR": ["a", "b"],
        "comment first": raises,
        "comment last": raises,
        "event": raises,
        "id": raises,
        "no space": raises,
        "[DONE]": raises,
    },
)
PY
