"""What llama.cpp's HTTP server answers is charged by what it says that it used, whole, streamed, with several answers
and cut.
"""

import json
import urllib.request

import openai
import pytest
from llama.conftest import READ, WRITTEN

MODEL = "smollm2"
HELLO = [{"role": "user", "content": "Say hello."}]
COUNT = [{"role": "user", "content": "Count from one to one hundred, in words."}]


def cost(usage):
    return usage.prompt_tokens * READ + usage.completion_tokens * WRITTEN


@pytest.fixture
def client(sdks, farebox):
    return sdks._openai(farebox.runner, f"{sdks.gateway}/llama/v1")


def raw(farebox, sdks, body, path="llama/v1/chat/completions", **headers):
    """Opens the answer to a request that no SDK would make."""
    headers = {"content-type": "application/json", "cf-aig-authorization": f"Bearer {farebox.runner}", **headers}
    request = urllib.request.Request(f"{sdks.gateway}/{path}", json.dumps(body).encode(), headers)
    return urllib.request.urlopen(request, timeout=120)


def events(answer):
    for line in answer:
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


def test_a_chat(client, costs):
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=6)
    assert answer.usage.completion_tokens <= 6
    costs(cost(answer.usage))


def test_a_stream_with_its_usage(client, costs):
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=6, stream=True, stream_options={"include_usage": True}
        )
    )
    costs(cost(chunks[-1].usage))


def test_a_stream_is_what_it_is_without_the_gateways_request_for_usage(farebox, sdks, costs):
    body = {"model": MODEL, "messages": HELLO, "max_tokens": 4, "stream": True}
    chunks = list(events(raw(farebox, sdks, body)))
    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"]
    timings = chunks[-1]["timings"]
    costs((timings["cache_n"] + timings["prompt_n"]) * READ + timings["predicted_n"] * WRITTEN)


def test_two_answers_in_a_stream(farebox, sdks, costs):
    body = {
        "model": MODEL, "messages": HELLO, "max_tokens": 5, "n": 2, "stream": True,
        "stream_options": {"include_usage": True},
    }
    usages = [chunk["usage"] for chunk in events(raw(farebox, sdks, body)) if "usage" in chunk]
    # Each of them has one answer and the whole prompt.
    assert len(usages) == 2
    written = sum(usage["completion_tokens"] for usage in usages)
    costs(usages[0]["prompt_tokens"] * READ + written * WRITTEN)


def test_two_whole_answers(farebox, client):
    before = farebox.balance()
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=5, n=2)
    assert len(answer.choices) == 2
    charged = before - farebox.balance() - answer.usage.prompt_tokens * READ
    # The usage has one answer. The other is counted by its text, up to the limit.
    assert answer.usage.completion_tokens * WRITTEN <= charged <= 2 * 5 * WRITTEN
    text = "".join(choice.message.content for choice in answer.choices)
    assert charged >= min(2 * 5, len(text.encode()) // 3) * WRITTEN


def test_a_limit_of_its_own_goes_before_openais(farebox, sdks, costs):
    body = {"model": MODEL, "messages": COUNT, "max_tokens": 1, "n_predict": 9, "temperature": 0}
    usage = json.load(raw(farebox, sdks, body))["usage"]
    assert 1 < usage["completion_tokens"] <= 9
    costs(usage["prompt_tokens"] * READ + usage["completion_tokens"] * WRITTEN)


def test_no_limit_is_bounded_by_the_context_window(farebox, sdks, costs):
    body = {"model": MODEL, "messages": HELLO, "max_tokens": 1, "n_predict": -1, "temperature": 0}
    usage = json.load(raw(farebox, sdks, body))["usage"]
    assert usage["completion_tokens"] > 1
    costs(usage["prompt_tokens"] * READ + usage["completion_tokens"] * WRITTEN)


def test_a_response(client, costs):
    answer = client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=16)
    costs(answer.usage.input_tokens * READ + answer.usage.output_tokens * WRITTEN)


def test_two_responses_for_one(farebox, sdks, costs):
    body = {"model": MODEL, "input": "Say hello.", "max_output_tokens": 3, "n": 2}
    answers = json.load(raw(farebox, sdks, body, "llama/v1/responses"))
    usages = [answer["usage"] for answer in answers]
    assert len(usages) == 2
    written = sum(usage["output_tokens"] for usage in usages)
    costs(usages[0]["input_tokens"] * READ + written * WRITTEN)


def test_embeddings_that_it_was_not_started_for_cost_nothing(client, costs):
    with pytest.raises(openai.InternalServerError, match="embeddings"):
        client.embeddings.create(model=MODEL, input="one")
    costs(0)


def test_another_key_makes_nothing_free(farebox, sdks, costs):
    body = {"model": MODEL, "messages": HELLO, "max_tokens": 2}
    usage = json.load(raw(farebox, sdks, body, authorization="Bearer junk"))["usage"]
    costs(usage["prompt_tokens"] * READ + usage["completion_tokens"] * WRITTEN)


def test_it_is_called_by_name_and_listed(sdks, farebox, costs):
    compat = sdks.compat(farebox.runner)
    assert [model.id for model in compat.models.list() if model.id.startswith("llama/")] == ["llama/smollm2"]
    answer = compat.chat.completions.create(model="llama/smollm2", messages=HELLO, max_tokens=2)
    costs(cost(answer.usage))


def test_a_stream_whose_server_dies(farebox, llama, sdks):
    before = farebox.balance()
    # The likeliest answer is a long one; one that is drawn may end before the server does.
    body = {"model": MODEL, "messages": COUNT, "max_tokens": 400, "temperature": 0, "stream": True}
    pieces = 0
    try:
        for chunk in events(raw(farebox, sdks, body)):
            pieces += bool(chunk["choices"] and chunk["choices"][0]["delta"].get("content"))
            if pieces == 8:
                llama.kill()
    except OSError:
        pass
    except Exception as error:
        assert "IncompleteRead" in repr(error)
    finally:
        llama.kill()
        llama.start()
    assert pieces >= 8
    for _ in range(100):
        if farebox.balance() != before:
            break
    charged = before - farebox.balance()
    # A token each, as they came; the prompt is estimated, without the model's template.
    assert pieces * WRITTEN <= charged <= (pieces + 40) * WRITTEN + 100 * READ
