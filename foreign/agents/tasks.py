"""What the sandbox's provider has each agent do, and what that costs.

The task takes three turns: create the file and look at it, both at once; change it; say that it is done. The first
turns think, and read and write caches, so that every kind of token has to be charged.
"""

# Billionths of a dollar for a token, from the providers' price pages: input, cached, written to a cache for five
# minutes and for an hour, output.
NANOS = {
    "claude-sonnet-5": (2_000, 200, 2_500, 4_000, 10_000),
    "claude-opus-4-8": (5_000, 500, 6_250, 10_000, 25_000),
    "gpt-5.5": (5_000, 500, 5_000, 5_000, 30_000),
    "gemini-2.5-flash": (300, 30, 300, 300, 2_500),
}
SEARCH_NANOS = 10_000_000

CREATED, CHANGED = "hello\n", "hello, world\n"


def call(name, **arguments):
    return {"name": name, "arguments": arguments}


def claude(path):
    return [
        [call("Write", file_path=path, content=CREATED), call("Bash", command="pwd", description="Print directory")],
        [call("Edit", file_path=path, old_string="hello", new_string="hello, world")],
    ]


def codex(path):
    created = f"*** Begin Patch\n*** Add File: {path}\n+hello\n*** End Patch\n"
    changed = f"*** Begin Patch\n*** Update File: {path}\n@@\n-hello\n+hello, world\n*** End Patch\n"
    return [
        [{"name": "apply_patch", "arguments": created}, call("exec_command", cmd="pwd")],
        [{"name": "apply_patch", "arguments": changed}],
    ]


def opencode(path):
    created = f"*** Begin Patch\n*** Add File: {path}\n+hello\n*** End Patch\n"
    return [
        [call("apply_patch", patchText=created), call("bash", command="pwd", description="Prints the directory")],
        [call("bash", command=f"printf 'hello, world\\n' >{path}", description="Changes the file")],
    ]


def gemini(path):
    return [
        [call("write_file", file_path=path, content=CREATED), call("list_directory", dir_path=".")],
        [call("replace", file_path=path, old_string="hello", new_string="hello, world", instruction="Greet all")],
    ]


TASKS = {
    "Claude Code": claude,
    "openai_base_url": codex,
    "model_providers": codex,
    "opencode": opencode,
    "Gemini CLI": gemini,
}


def steps(heading, path):
    """The behaviours of the provider, turn by turn."""
    first, second = TASKS[heading](path)
    # Only Anthropic's API reports what is written for an hour, and only Anthropic charges for it.
    writes = {"cache_write_tokens": 300, "cache_write_1h_tokens": 200} if heading == "Claude Code" else {}
    return [
        {"text": "Let me do that.", "calls": first, "reasoning_tokens": 40, "cached_tokens": 1000, **writes},
        {"calls": second, "reasoning_tokens": 7, "cached_tokens": 2000},
        {"text": "The file is there.", "calls": []},
    ]


def nanos(model, usage):
    """What one answer costs, by the sandbox's own count."""
    plain, cached, written, written_1h, output = NANOS[model.removeprefix("openai/")]
    fresh = usage["input"] - usage["cached"] - usage["cache_write"] - usage["cache_write_1h"]
    return (
        fresh * plain
        + usage["cached"] * cached
        + usage["cache_write"] * written
        + usage["cache_write_1h"] * written_1h
        + usage["output"] * output
        + usage["web_searches"] * SEARCH_NANOS
    )
