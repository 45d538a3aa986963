#!/usr/bin/env bash
# A stream that ends without its last events counts as a whole answer.
#
# openai 3.57.0, anthropic 2.14.0 and google-genai 3.6.1 (PyPI) return what has come, without an error, if the HTTP body
# ends properly but the answer doesn't:
#
#   openai      chat.completions.create(stream=True), no finish_reason, no [DONE]   ['a']
#   openai      responses.create(stream=True), no response.completed                ['response.created']
#   openai      responses.stream(…).get_final_response(), the same                  RuntimeError
#   anthropic   messages.stream(…).get_final_message(), no message_stop             ('a', stop_reason None)
#   google      generate_content_stream, no finishReason                            ['a']
#
# Only one of the five notices. What follows for a gateway: if a provider's answer breaks off, the connection to the
# client has to break off too (no last chunk, a reset), or the answer has to be ended in a form that says so.
. "$(dirname "$0")/lib.sh"
python_packages google-genai==3.6.1 anthropic==2.14.0 openai==3.57.0
PYTHONPATH=$(dirname "$0") "$python" -B - <<'PY'
import json

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


def event(kind, **members):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n"


def chat():
    delta = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [delta]}
    server.events(f"data: {json.dumps(chunk)}\n\n")
    stream = gpt.chat.completions.create(model="m", messages=said, stream=True)
    return [chunk.choices[0].delta.content for chunk in stream]


def begin_response():
    response = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], "tools": []}
    response |= {"parallel_tool_calls": True, "tool_choice": "auto"}
    server.events(event("response.created", sequence_number=0, response=response))


def responses_create():
    begin_response()
    return [each.type for each in gpt.responses.create(model="m", input="hi", stream=True)]


def responses_stream():
    begin_response()
    with gpt.responses.stream(model="m", input="hi") as stream:
        return stream.get_final_response().id


def messages():
    usage = {"input_tokens": 3, "output_tokens": 1}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    message |= {"stop_reason": None, "stop_sequence": None}
    server.events(
        event("message_start", message=message)
        + event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        + event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"})
    )
    with claude.messages.stream(model="m", max_tokens=9, messages=said) as stream:
        message = stream.get_final_message()
        return message.content[0].text, message.stop_reason


def generate():
    candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": "a"}]}}
    server.events(f"data: {json.dumps({'candidates': [candidate]})}\n\n")
    return [chunk.text for chunk in gemini.models.generate_content_stream(model="m", contents="hi")]


check(
    {
        "openai chat": outcome(chat),
        "openai responses.create": outcome(responses_create),
        "openai responses.stream": outcome(responses_stream),
        "anthropic messages.stream": outcome(messages),
        "google-genai": outcome(generate),
    },
    {
        "openai chat": ["a"],
        "openai responses.create": ["response.created"],
        "openai responses.stream": "RuntimeError",
        "anthropic messages.stream": ("a", None),
        "google-genai": ["a"],
    },
)
PY
