"""Whole answers, streams and tools of each SDK, of OpenAI's to every provider, what they cost, and how a refusal
reads.

The sandbox's token is a word. Prices are worked by hand, in billionths of a dollar for a token: gpt-4o
$2.50 and $10 a million, claude-sonnet-4-5 $3 and $15, gemini-2.5-flash $0.30 and $2.50.
"""

import json

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

PROMPT = "How many words are here?"
ANSWER = "The prompt has 5 words."
TOOL_PROMPT = "What is the weather?"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

GPT, CLAUDE, GEMINI = "gpt-4o", "claude-sonnet-4-5", "gemini-2.5-flash"
# The prompt has 5 tokens, and so has the answer.
GPT_COST = 5 * 2500 + 5 * 10_000
CLAUDE_COST = 5 * 3000 + 5 * 15_000
GEMINI_COST = 5 * 300 + 5 * 2500
# The tool adds its name and the two words of its description to the 4 of the prompt; the call of it is its name
# and the one word of its arguments.
TOOL_READ, TOOL_WRITTEN = 4 + 3, 2


def user(text):
    return [{"role": "user", "content": text}]


class TestOpenAI:
    @pytest.fixture(params=["/v1", ""], ids=["v1", "bare"])
    def gpt(self, sdks, farebox, request):
        return sdks.openai(farebox.runner, request.param)

    def test_a_chat(self, gpt, costs):
        answer = gpt.chat.completions.create(model=GPT, messages=user(PROMPT))
        assert answer.choices[0].message.content == ANSWER
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 5)
        costs(GPT_COST)

    def test_a_stream(self, gpt, costs):
        chunks = list(gpt.chat.completions.create(model=GPT, messages=user(PROMPT), stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
        # The usage that the gateway asks for is not shown to who didn't.
        assert all(chunk.usage is None for chunk in chunks)
        costs(GPT_COST)

    def test_a_stream_that_tells_its_usage(self, gpt, costs):
        chunks = list(gpt.chat.completions.create(
            model=GPT, messages=user(PROMPT), stream=True, stream_options={"include_usage": True},
        ))
        assert chunks[-1].usage.total_tokens == 10
        costs(GPT_COST)

    def test_a_tool(self, gpt, costs):
        function = {"name": "weather", "description": "Tells it", "parameters": CITY}
        tools = [{"type": "function", "function": function}]
        asked = user(TOOL_PROMPT)
        call = gpt.chat.completions.create(model=GPT, messages=asked, tools=tools).choices[0].message.tool_calls[0]
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "text"})
        costs(TOOL_READ * 2500 + TOOL_WRITTEN * 10_000)

    def test_responses(self, gpt, costs):
        answer = gpt.responses.create(model=GPT, input=PROMPT)
        assert answer.output_text == ANSWER
        with gpt.responses.stream(model=GPT, input=PROMPT) as stream:
            assert stream.until_done().get_final_response().output_text == ANSWER
        costs(2 * GPT_COST)

    def test_responses_over_a_websocket(self, gpt, costs):
        """`responses.connect`, which needs openai[realtime]."""
        with gpt.responses.connect() as connection:
            def ask(**more):
                connection.response.create(model=GPT, store=False, **more)
                for event in connection:
                    if event.type in ("response.completed", "error"):
                        return event

            prepared = ask(input=PROMPT, generate=False)
            costs(0)
            answered = ask(input=[], previous_response_id=prepared.response.id, stream_id="main")
            assert (answered.response.output_text, answered.stream_id) == (ANSWER, "main")
            costs(GPT_COST)
            # What was asked and answered before is read again.
            ask(input="And now?", previous_response_id=answered.response.id)
            costs(2 * GPT_COST + (5 + 2) * 2500)
            refused = ask(input=PROMPT, previous_response_id="resp_unknown")
            assert (refused.error.code, refused.status) == ("previous_response_not_found", 400)
            connection.response.create(model="unheard-of", input=PROMPT)
            refused = next(iter(connection))
            assert refused.type == "error" and "unheard-of" in refused.error.message

    def test_a_refusal_is_the_sdks_own_error(self, gpt, costs):
        with pytest.raises(openai.BadRequestError) as refused:
            gpt.chat.completions.create(model="unheard-of", messages=user(PROMPT))
        assert "unheard-of" in str(refused.value)
        with pytest.raises(openai.RateLimitError):
            gpt.chat.completions.create(model=GPT, messages=user("a [sandbox status=429]"))
        costs(0)

    def test_a_token_that_may_not_run(self, sdks, farebox, provider):
        provider.control("requests", method="DELETE")
        for token, error, words in [
            (farebox.writer, openai.PermissionDeniedError, "AI Gateway Run"),
            ("fbx_unknown", openai.AuthenticationError, "Unauthorized"),
        ]:
            with pytest.raises(error) as refused:
                sdks.openai(token).chat.completions.create(model=GPT, messages=user(PROMPT))
            assert words in str(refused.value)
        assert provider.control("requests")["requests"] == []


class TestAnthropic:
    @pytest.fixture
    def claude(self, sdks, farebox):
        return sdks.anthropic(farebox.runner)

    def create(self, claude, text=PROMPT, **more):
        return claude.messages.create(**{"model": CLAUDE, "max_tokens": 100, "messages": user(text), **more})

    def test_a_message(self, claude, costs):
        answer = self.create(claude)
        assert answer.content[0].text == ANSWER
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 5)
        costs(CLAUDE_COST)

    def test_a_stream(self, claude, costs):
        with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=user(PROMPT)) as stream:
            assert "".join(stream.text_stream) == ANSWER
            assert stream.get_final_message().usage.output_tokens == 5
        costs(CLAUDE_COST)

    def test_a_tool(self, claude, costs):
        tools = [{"name": "weather", "description": "Tells it", "input_schema": CITY}]
        call = self.create(claude, TOOL_PROMPT, tools=tools).content[0]
        assert (call.type, call.name, call.input) == ("tool_use", "weather", {"city": "text"})
        costs(TOOL_READ * 3000 + TOOL_WRITTEN * 15_000)

    def test_a_refusal_is_the_sdks_own_error(self, claude, costs):
        with pytest.raises(anthropic.BadRequestError, match="unheard-of"):
            self.create(claude, model="unheard-of")
        with pytest.raises(anthropic.InternalServerError):
            self.create(claude, "a [sandbox status=529]")
        costs(0)

    def test_a_token_that_may_not_run(self, sdks, farebox, provider):
        provider.control("requests", method="DELETE")
        for token, error, words in [
            (farebox.writer, anthropic.PermissionDeniedError, "AI Gateway Run"),
            ("fbx_unknown", anthropic.AuthenticationError, "Unauthorized"),
        ]:
            with pytest.raises(error, match=words):
                self.create(sdks.anthropic(token))
        assert provider.control("requests")["requests"] == []


class TestGoogle:
    @pytest.fixture
    def gemini(self, sdks, farebox):
        return sdks.google(farebox.runner)

    def test_content(self, gemini, costs):
        answer = gemini.models.generate_content(model=GEMINI, contents=PROMPT)
        assert answer.text == ANSWER
        usage = answer.usage_metadata
        assert (usage.prompt_token_count, usage.candidates_token_count) == (5, 5)
        costs(GEMINI_COST)

    def test_a_stream(self, gemini, costs):
        chunks = list(gemini.models.generate_content_stream(model=GEMINI, contents=PROMPT))
        assert "".join(chunk.text or "" for chunk in chunks) == ANSWER
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
        costs(GEMINI_COST)

    def test_a_function(self, gemini, costs):
        declaration = types.FunctionDeclaration(
            name="weather", description="Tells it", parameters_json_schema=CITY,
        )
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declaration])])
        answer = gemini.models.generate_content(model=GEMINI, contents=TOOL_PROMPT, config=config)
        assert (answer.function_calls[0].name, answer.function_calls[0].args) == ("weather", {"city": "text"})
        costs(TOOL_READ * 300 + TOOL_WRITTEN * 2500)

    def test_a_refusal_is_the_sdks_own_error(self, gemini, costs):
        with pytest.raises(genai.errors.ClientError, match="unheard-of"):
            gemini.models.generate_content(model="unheard-of", contents=PROMPT)
        with pytest.raises(genai.errors.ServerError):
            gemini.models.generate_content(model=GEMINI, contents="a [sandbox status=503]")
        costs(0)

    def test_a_token_that_may_not_run(self, sdks, farebox, provider):
        provider.control("requests", method="DELETE")
        for token, status, words in [(farebox.writer, 403, "AI Gateway Run"), ("fbx_unknown", 401, "Unauthorized")]:
            with pytest.raises(genai.errors.ClientError, match=words) as refused:
                sdks.google(token).models.generate_content(model=GEMINI, contents=PROMPT)
            assert refused.value.code == status
        assert provider.control("requests")["requests"] == []


NAMED = [
    (f"openai/{GPT}", 2500, 10_000),
    (f"anthropic/{CLAUDE}", 3000, 15_000),
    (f"google/{GEMINI}", 300, 2500),
]


@pytest.mark.parametrize("model, read, written", NAMED, ids=[name for name, *_ in NAMED])
class TestEveryProviderInOpenAIsFormat:
    @pytest.fixture(params=["compat", "ai"])
    def client(self, sdks, farebox, request):
        return getattr(sdks, request.param)(farebox.runner)

    def test_a_chat(self, client, costs, model, read, written):
        answer = client.chat.completions.create(model=model, messages=user(PROMPT))
        assert answer.choices[0].message.content == ANSWER
        assert answer.choices[0].finish_reason == "stop"
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 5)
        costs(5 * read + 5 * written)

    def test_a_stream(self, client, costs, model, read, written):
        chunks = list(client.chat.completions.create(
            model=model, messages=user(PROMPT), stream=True, stream_options={"include_usage": True},
        ))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
        assert chunks[-1].usage.total_tokens == 10
        costs(5 * read + 5 * written)

    def test_a_tool_and_its_result(self, client, costs, model, read, written):
        function = {"name": "weather", "description": "Tells it", "parameters": CITY}
        tools = [{"type": "function", "function": function}]
        asked = user(TOOL_PROMPT)
        message = client.chat.completions.create(model=model, messages=asked, tools=tools).choices[0].message
        (call,) = message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "text"})
        costs(TOOL_READ * read + TOOL_WRITTEN * written)
        result = {"role": "tool", "tool_call_id": call.id, "content": "It rains"}
        asked = [*asked, message.model_dump(exclude_none=True), result]
        assert client.chat.completions.create(model=model, messages=asked, tools=tools).choices

    def test_a_streamed_tool(self, client, costs, model, read, written):
        function = {"name": "weather", "description": "Tells it", "parameters": CITY}
        tools = [{"type": "function", "function": function}]
        with client.chat.completions.stream(model=model, messages=user(TOOL_PROMPT), tools=tools) as stream:
            (call,) = stream.until_done().get_final_completion().choices[0].message.tool_calls
        assert json.loads(call.function.arguments) == {"city": "text"}
        costs(TOOL_READ * read + TOOL_WRITTEN * written)

    def test_an_error_is_the_sdks_own(self, client, costs, model, read, written):
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model=model, messages=user("a [sandbox status=429]"))
        assert refused.value.body["message"]
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model=f"{model}-unheard-of/x", messages=user(PROMPT))
        assert refused.value.body["message"] in str(refused.value)
        costs(0)


class TestBesideTheManagementApi:
    def test_responses(self, sdks, farebox, costs):
        answer = sdks.ai(farebox.runner).responses.create(model=f"openai/{GPT}", input=PROMPT)
        assert answer.output_text == ANSWER
        costs(GPT_COST)

    def test_messages(self, sdks, farebox, costs):
        claude = sdks.anthropic(farebox.runner, beside_the_api=True)
        asked = {"model": f"anthropic/{CLAUDE}", "max_tokens": 100, "messages": user(PROMPT)}
        assert claude.messages.create(**asked).content[0].text == ANSWER
        with claude.messages.stream(**asked) as stream:
            assert "".join(stream.text_stream) == ANSWER
        costs(2 * CLAUDE_COST)

    def test_messages_of_others(self, sdks, farebox, costs):
        claude = sdks.anthropic(farebox.runner, beside_the_api=True)
        with pytest.raises(anthropic.BadRequestError, match="has no messages"):
            claude.messages.create(model=f"openai/{GPT}", max_tokens=9, messages=user(PROMPT))
        costs(0)


class TestModels:
    """Only what this token may call here and now, with its price."""

    @pytest.mark.parametrize("way", ["openai", "compat", "ai"])
    def test_openai(self, sdks, farebox, way):
        client = getattr(sdks, way)(farebox.runner)
        name = GPT if way == "openai" else f"openai/{GPT}"
        listed = {model.id: model for model in client.models.list()}
        assert listed[name].prices["input"] == {"price": 2.5, "per": "million"}
        assert listed[name].max_output_tokens == 16_384
        assert client.models.retrieve(name) == listed[name]
        with pytest.raises(openai.NotFoundError, match="unheard-of"):
            client.models.retrieve("unheard-of")

    @pytest.mark.parametrize("beside_the_api", [False, True])
    def test_anthropic(self, sdks, farebox, beside_the_api):
        client = sdks.anthropic(farebox.runner, beside_the_api)
        name = f"anthropic/{CLAUDE}" if beside_the_api else CLAUDE
        listed = [model.id for model in client.models.list(limit=2)]
        assert name in listed and len(set(listed)) == len(listed) > 2
        output = client.models.retrieve(name).prices["output"]
        assert (output["price"], output["per"]) == (15, "million")
        assert output["above"] == [{"input_tokens": 200_000, "price": 22.5}]
        with pytest.raises(anthropic.NotFoundError, match="unheard-of"):
            client.models.retrieve("unheard-of")

    def test_google(self, sdks, farebox):
        client = sdks.google(farebox.runner)
        listed = [model.name for model in client.models.list(config={"page_size": 2})]
        assert f"models/{GEMINI}" in listed and len(set(listed)) == len(listed) > 2
        one = client.models.get(model=GEMINI)
        assert "generateContent" in one.supported_actions and one.output_token_limit == 65_536
        with pytest.raises(genai.errors.ClientError, match="unheard-of"):
            client.models.get(model="unheard-of")


def test_a_wrong_base_url_is_told_the_right_one(sdks, farebox):
    client = sdks._openai(farebox.runner, f"{farebox.url}/v1")
    with pytest.raises(openai.NotFoundError, match="{account_id}/{gateway_id}/compat"):
        client.chat.completions.create(model=GPT, messages=user(PROMPT))


class TestCompat:
    def test_models(self, sdks, farebox):
        names = [model.id for model in sdks.compat(farebox.runner).models.list()]
        assert {f"openai/{GPT}", f"anthropic/{CLAUDE}", f"google-ai-studio/{GEMINI}"} <= set(names)

    def test_embeddings(self, sdks, farebox, costs):
        compat = sdks.compat(farebox.runner)
        answer = compat.embeddings.create(model="openai/text-embedding-3-small", input=PROMPT)
        assert len(answer.data[0].embedding) == 1536
        # $0.02 a million.
        costs(5 * 20)


def test_an_account_without_credit_is_told_to_top_up(sdks, farebox, provider):
    account = farebox.told("account", "create", "--name", "Poor")["id"]
    token = farebox.token("run", account)
    sdks.of(account)
    provider.control("requests", method="DELETE")
    with pytest.raises(openai.APIStatusError) as refused:
        sdks.openai(token).chat.completions.create(model=GPT, messages=user(PROMPT))
    assert refused.value.status_code == 402 and "Top up" in str(refused.value)
    with pytest.raises(anthropic.APIStatusError, match="Top up") as refused:
        sdks.anthropic(token).messages.create(model=CLAUDE, max_tokens=9, messages=user(PROMPT))
    assert refused.value.status_code == 402
    with pytest.raises(genai.errors.ClientError, match="Top up") as refused:
        sdks.google(token).models.generate_content(model=GEMINI, contents=PROMPT)
    assert refused.value.code == 402
    # Nor by somebody else's account.
    with pytest.raises(openai.AuthenticationError):
        sdks.openai(farebox.runner).chat.completions.create(model=GPT, messages=user(PROMPT))
    assert provider.control("requests")["requests"] == []
