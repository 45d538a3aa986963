"""What calls to somebody else's provider cost: what it says that they used, and nothing where it fails."""

import contextlib
import time

import anthropic
import openai
import pytest
from google import genai

# In billionths of a dollar for a token: read, written.
GPT, CLAUDE, GEMINI = ("gpt-4o", 2500, 10_000), ("claude-sonnet-4-5", 3000, 15_000), ("gemini-2.5-flash", 300, 2500)
ANSWER_LIMIT = 1000
# No token is shorter than a byte, so that a text this long may have been the tokens that it is said to be.
LONG = "a long one" + " word" * 300


def user(text):
    return [{"role": "user", "content": text}]


class OpenAI:
    prices = GPT
    failed, limited = openai.InternalServerError, openai.RateLimitError

    def __init__(self, sdks, token):
        self.client = sdks.openai(token)

    def whole(self, text):
        answer = self.client.chat.completions.create(
            model=GPT[0], messages=user(text), max_completion_tokens=ANSWER_LIMIT,
        )
        return answer.choices[0].message.content, (answer.usage.prompt_tokens, answer.usage.completion_tokens)

    def streamed(self, text):
        chunks = list(self.client.chat.completions.create(
            model=GPT[0],
            messages=user(text),
            max_completion_tokens=ANSWER_LIMIT,
            stream=True,
            stream_options={"include_usage": True},
        ))
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        usage = chunks[-1].usage
        return said, usage and (usage.prompt_tokens, usage.completion_tokens)


class Responses(OpenAI):
    def whole(self, text):
        answer = self.client.responses.create(model=GPT[0], input=text, max_output_tokens=ANSWER_LIMIT)
        return answer.output_text, (answer.usage.input_tokens, answer.usage.output_tokens)

    def streamed(self, text):
        with self.client.responses.stream(model=GPT[0], input=text, max_output_tokens=ANSWER_LIMIT) as stream:
            answer = stream.until_done().get_final_response()
        return answer.output_text, (answer.usage.input_tokens, answer.usage.output_tokens)


class Anthropic:
    prices = CLAUDE
    failed, limited = anthropic.InternalServerError, anthropic.RateLimitError

    def __init__(self, sdks, token):
        self.client = sdks.anthropic(token)

    def whole(self, text):
        answer = self.client.messages.create(model=CLAUDE[0], max_tokens=ANSWER_LIMIT, messages=user(text))
        return answer.content[0].text, (answer.usage.input_tokens, answer.usage.output_tokens)

    def streamed(self, text):
        with self.client.messages.stream(model=CLAUDE[0], max_tokens=ANSWER_LIMIT, messages=user(text)) as stream:
            said = "".join(stream.text_stream)
            usage = stream.get_final_message().usage
        return said, (usage.input_tokens, usage.output_tokens)


class Google:
    prices = GEMINI
    failed, limited = genai.errors.ServerError, genai.errors.ClientError

    def __init__(self, sdks, token):
        # The one version of the API that aimock knows.
        options = genai.types.HttpOptions(base_url=f"{sdks.gateway}/google-ai-studio", api_version="v1beta")
        self.client = sdks.stack.enter_context(genai.Client(api_key=token, http_options=options))
        self.config = genai.types.GenerateContentConfig(max_output_tokens=ANSWER_LIMIT)

    def whole(self, text):
        answer = self.client.models.generate_content(model=GEMINI[0], contents=text, config=self.config)
        return answer.text, self.usage(answer)

    def streamed(self, text):
        chunks = self.client.models.generate_content_stream(model=GEMINI[0], contents=text, config=self.config)
        chunks = list(chunks)
        return "".join(chunk.text or "" for chunk in chunks), self.usage(chunks[-1])

    @staticmethod
    def usage(answer):
        usage = answer.usage_metadata
        return usage and (usage.prompt_token_count, usage.candidates_token_count)


@pytest.fixture(params=[OpenAI, Responses, Anthropic, Google], ids=lambda kind: kind.__name__)
def sdk(request, sdks, farebox):
    return request.param(sdks, farebox.runner)


@pytest.fixture(params=["whole", "streamed"])
def ask(request, sdk):
    return getattr(sdk, request.param)


def most(sdk, text):
    """What a call can cost: its text, of which no token is shorter than a byte, and all of its limit."""
    _, read, written = sdk.prices
    return (len(text) + 200) * read + ANSWER_LIMIT * written


@pytest.mark.parametrize(("text", "used"), [("a short one", (6, 9)), (LONG, (1234, 567))], ids=["short", "long"])
def test_it_costs_what_the_provider_says_that_it_used(sdk, ask, costs, text, used):
    said, told = ask(text)
    assert said.startswith("Hello to you")
    assert told == used
    _, read, written = sdk.prices
    costs(used[0] * read + used[1] * written)


@pytest.mark.parametrize("fault", ["rateLimitRate", "dropRate", "disconnectRate"])
def test_a_provider_that_fails_costs_nothing(sdk, ask, costs, chaos, fault):
    chaos(fault)
    with pytest.raises(sdk.limited if fault == "rateLimitRate" else sdk.failed) as refused:
        ask("a short one")
    status = getattr(refused.value, "status_code", None) or refused.value.code
    assert status == {"rateLimitRate": 429, "dropRate": 500, "disconnectRate": 502}[fault]
    costs(0)


def test_an_answer_that_makes_no_sense_costs_an_estimate_at_most(sdk, ask, farebox, chaos):
    chaos("malformedRate")
    before = farebox.balance()
    with contextlib.suppress(Exception):  # Each SDK has its own words for it, or none.
        ask("a short one")
    assert 0 <= before - settled(farebox) <= most(sdk, "a short one")


def test_a_stream_that_breaks_off_costs_an_estimate(sdk, farebox):
    before = farebox.balance()
    with contextlib.suppress(Exception):
        sdk.streamed("a broken one")
    assert 0 < before - settled(farebox) < most(sdk, "a broken one")


def settled(farebox):
    """The balance, once what was held for a call that broke off has been given back."""
    balance = farebox.balance()
    for _ in range(100):
        time.sleep(0.05)
        last, balance = balance, farebox.balance()
        if last == balance:
            return balance
    raise AssertionError("the balance does not come to rest")


def test_a_tool(sdks, farebox, costs):
    function = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    answer = sdks.openai(farebox.runner).chat.completions.create(
        model=GPT[0], messages=user("a tool"), tools=[{"type": "function", "function": function}],
    )
    assert answer.choices[0].message.tool_calls[0].function.name == "weather"
    costs(40 * GPT[1] + 7 * GPT[2])


def test_it_got_none_but_the_operators_keys(provider):
    """It refuses any other; and what it was sent has nothing that was for the gateway."""
    calls = provider.control("journal")
    assert len(calls) > 20
    assert not [call for call in calls if any(name.startswith("cf-aig-") for name in call["headers"])]
