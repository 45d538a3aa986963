"""The real SDKs of OpenAI, Anthropic and Google drive the sandbox's provider."""

import base64
import io
import json

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from conftest import PROVIDER_KEY

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PROMPT = "How many words are here?"
ANSWER = "The prompt has 5 words."


@pytest.fixture
def gpt(provider):
    return openai.OpenAI(api_key=PROVIDER_KEY, base_url=f"{provider.url}/v1", max_retries=0)


@pytest.fixture
def claude(provider):
    return anthropic.Anthropic(api_key=PROVIDER_KEY, base_url=provider.url, max_retries=0)


@pytest.fixture
def gemini(provider):
    options = types.HttpOptions(base_url=provider.url)
    return genai.Client(api_key=PROVIDER_KEY, http_options=options)


def user(text):
    return [{"role": "user", "content": text}]


class TestOpenAI:
    def test_a_chat(self, gpt):
        answer = gpt.chat.completions.create(model="gpt-4o-mini", messages=user(PROMPT))
        assert answer.choices[0].message.content == ANSWER
        assert answer.choices[0].finish_reason == "stop"
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 5)

    def test_a_streamed_chat(self, gpt):
        chunks = list(gpt.chat.completions.create(
            model="gpt-4o-mini", messages=user(PROMPT + " [sandbox cached_tokens=3]"), stream=True,
            stream_options={"include_usage": True}, max_tokens=4,
        ))
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == "The prompt has 7"
        assert chunks[-2].choices[0].finish_reason == "length"
        assert (chunks[-1].usage.total_tokens, chunks[-1].usage.prompt_tokens_details.cached_tokens) == (11, 3)
        with gpt.chat.completions.stream(model="gpt-4o-mini", messages=user(PROMPT)) as stream:
            assert stream.get_final_completion().choices[0].message.content == ANSWER

    def test_a_tool_and_its_result(self, gpt):
        function = {"name": "weather", "description": "Tells it", "parameters": CITY}
        tools = [{"type": "function", "function": function}]
        asked = user("What is the weather?")
        message = gpt.chat.completions.create(model="gpt-4o", messages=asked, tools=tools).choices[0].message
        call = message.tool_calls[0]
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "text"})
        result = {"role": "tool", "tool_call_id": call.id, "content": "It rains"}
        told = gpt.chat.completions.create(model="gpt-4o", messages=[*asked, message, result], tools=tools)
        assert told.choices[0].message.content == "The prompt has 11 words."

        with gpt.chat.completions.stream(model="gpt-4o", messages=asked, tools=tools) as stream:
            choice = stream.get_final_completion().choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls[0].function.arguments == '{"city":"text"}'

    def test_responses(self, gpt):
        answer = gpt.responses.create(model="gpt-5", input=PROMPT)
        assert (answer.output_text, answer.status, answer.usage.total_tokens) == (ANSWER, "completed", 10)
        with gpt.responses.stream(model="gpt-5", input=PROMPT + " [sandbox reasoning_tokens=4]") as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_response()
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        assert final.output_text == "The prompt has 7 words."
        assert final.usage.output_tokens_details.reasoning_tokens == 4
        tool = {"type": "function", "name": "weather", "parameters": CITY, "strict": True}
        with gpt.responses.stream(model="gpt-5", input="The weather", tools=[tool]) as stream:
            call = stream.get_final_response().output[0]
        assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "text"})
        cut = gpt.responses.create(model="gpt-5", input=PROMPT, max_output_tokens=2)
        assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")

    def test_embeddings(self, gpt):
        # The SDK asks for Base64 and gives back numbers.
        answer = gpt.embeddings.create(model="text-embedding-3-small", input=["one two", "three"])
        assert [len(item.embedding) for item in answer.data] == [1536, 1536]
        assert [sum(item.embedding) for item in answer.data] == [1.0, 1.0]
        assert answer.usage.prompt_tokens == 3
        plain = gpt.embeddings.create(model="m", input="one two", encoding_format="float")
        assert plain.data[0].embedding == answer.data[0].embedding

    def test_images(self, gpt):
        answer = gpt.images.generate(model="gpt-image-1", prompt="a dot", quality="low", n=2)
        assert base64.b64decode(answer.data[1].b64_json).startswith(b"\x89PNG")
        assert answer.usage.output_tokens == 544
        stream = gpt.images.generate(model="gpt-image-1", prompt="a dot", stream=True, partial_images=1)
        assert [event.type for event in stream][-1] == "image_generation.completed"

    def test_audio(self, gpt):
        with gpt.audio.speech.with_streaming_response.create(model="tts-1", input="one two", voice="alloy") as sound:
            assert len(sound.read()) == 2000
        file = ("a.wav", io.BytesIO(bytes(40_000)), "audio/wav")
        answer = gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=file)
        assert answer.text == "The sound has 2 seconds."
        assert (answer.usage.type, answer.usage.input_tokens) == ("tokens", 20)
        timed = gpt.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
        assert (timed.duration, timed.usage.seconds) == (2, 2)
        stream = gpt.audio.transcriptions.create(model="gpt-4o-transcribe", file=file, stream=True)
        assert list(stream)[-1].usage.output_tokens == 5

    def test_moderations_and_models(self, gpt):
        assert gpt.moderations.create(input="to flag").results[0].categories.violence
        assert "sandbox-echo" in [model.id for model in gpt.models.list()]
        assert gpt.models.retrieve("gpt-4o").id == "gpt-4o"

    def test_a_schema(self, gpt):
        from pydantic import BaseModel

        class Weather(BaseModel):
            city: str
            degrees: list[int]

        answer = gpt.chat.completions.parse(model="gpt-4o", messages=user("Hello"), response_format=Weather)
        assert answer.choices[0].message.parsed == Weather(city="text", degrees=[1])

    def test_errors_are_typed(self, gpt, provider):
        def create(model="gpt-4o", client=gpt, **more):
            return client.chat.completions.create(model=model, messages=user("a"), **more)

        with pytest.raises(openai.NotFoundError) as caught:
            create("sandbox-nothing")
        assert caught.value.code == "model_not_found"
        with pytest.raises(openai.RateLimitError) as caught:
            create("sandbox-error-429")
        assert caught.value.response.headers["retry-after"] == "1"
        with pytest.raises(openai.InternalServerError):
            create("sandbox-error-503")
        with pytest.raises(openai.BadRequestError) as caught:
            create(max_tokens=0)
        assert caught.value.param == "max_tokens"
        stranger = openai.OpenAI(api_key="sk-unknown", base_url=f"{provider.url}/v1", max_retries=0)
        with pytest.raises(openai.AuthenticationError) as caught:
            create(client=stranger)
        assert caught.value.code == "invalid_api_key"
        with pytest.raises(openai.APIConnectionError):
            create("sandbox-close")
        with pytest.raises(openai.APIError):
            list(create("sandbox-error-midstream", stream=True))
        with pytest.raises(openai.APIConnectionError):
            list(create("sandbox-cut", stream=True))

    def test_odd_streams_are_read_all_the_same(self, gpt):
        for name in ("bytes", "comments", "trailing", "gzip", "giant", "no-usage", "long"):
            chunks = gpt.chat.completions.create(
                model=f"gpt-4o.sandbox-{name}", messages=user(PROMPT), stream=True,
                stream_options={"include_usage": True},
            )
            text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
            assert text.endswith("1000" if name == "long" else "has 5 words."), name
        whole = gpt.chat.completions.create(model="sandbox-gzip", messages=user(PROMPT))
        assert whole.choices[0].message.content == ANSWER

    def test_azure_and_the_compatible(self, provider):
        azure = openai.AzureOpenAI(
            api_key=PROVIDER_KEY, azure_endpoint=provider.url, api_version="2024-10-21", max_retries=0,
        )
        answer = azure.chat.completions.create(model="my-gpt", messages=user(PROMPT))
        assert (answer.model, answer.usage.total_tokens) == ("my-gpt", 10)
        grok = openai.OpenAI(api_key=PROVIDER_KEY, base_url=f"{provider.url}/grok/v1", max_retries=0)
        usage = grok.chat.completions.create(
            model="grok-4", messages=user("a [sandbox reasoning_tokens=9]"),
        ).usage
        assert (usage.completion_tokens, usage.total_tokens) == (5, 17)


class TestAnthropic:
    def create(self, client, text=PROMPT, **more):
        more.setdefault("model", "claude-test")
        return client.messages.create(**{"max_tokens": 100, "messages": user(text), **more})

    def test_a_message(self, claude):
        prompt = PROMPT + " [sandbox cached_tokens=2 cache_write_tokens=1 cache_write_1h_tokens=1]"
        answer = self.create(claude, prompt)
        assert answer.content[0].text == "The prompt has 9 words."
        usage = answer.usage
        assert (usage.input_tokens, usage.output_tokens, usage.cache_read_input_tokens) == (5, 5, 2)
        assert usage.cache_creation.ephemeral_5m_input_tokens == 1
        assert usage.cache_creation.ephemeral_1h_input_tokens == 1
        assert self.create(claude, max_tokens=2).stop_reason == "max_tokens"
        counted = claude.messages.count_tokens(model="claude-test", messages=user(PROMPT))
        assert counted.input_tokens == 5
        assert "sandbox-echo" in [model.id for model in claude.models.list()]

    def test_a_stream(self, claude):
        asked = dict(model="claude-test", max_tokens=2000, messages=user("a [sandbox reasoning_tokens=3]"))
        with claude.messages.stream(**asked, thinking={"type": "enabled", "budget_tokens": 1024}) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        assert text == "The prompt has 3 words."
        assert [block.type for block in final.content] == ["thinking", "text"]
        assert final.content[0].thinking == "1 2 3" and final.content[0].signature
        assert (final.usage.output_tokens, final.stop_reason) == (8, "end_turn")
        assert final.usage.output_tokens_details.thinking_tokens == 3

    def test_a_tool(self, claude):
        tools = [{"name": "weather", "description": "Tells it", "input_schema": CITY}]
        answer = self.create(claude, "What is the weather?", tools=tools)
        call = answer.content[0]
        assert (answer.stop_reason, call.name, call.input) == ("tool_use", "weather", {"city": "text"})
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "It rains"}
        told = [*user("What is the weather?"), {"role": "assistant", "content": [call.model_dump()]},
                {"role": "user", "content": [result]}]
        assert self.create(claude, messages=told, tools=tools).content[0].text == "The prompt has 11 words."
        with claude.messages.stream(
            model="claude", max_tokens=100, messages=user("Hello"), tools=tools, tool_choice={"type": "any"},
        ) as stream:
            assert stream.get_final_message().content[0].input == {"city": "text"}

    def test_errors_are_typed(self, claude, provider):
        for model, error in [
            ("sandbox-nothing", anthropic.NotFoundError),
            ("sandbox-error-401", anthropic.AuthenticationError),
            ("sandbox-error-429", anthropic.RateLimitError),
            ("sandbox-error-529", anthropic.InternalServerError),
            ("sandbox-close", anthropic.APIConnectionError),
        ]:
            with pytest.raises(error):
                self.create(claude, model=model)
        with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
            self.create(claude, max_tokens=0)
        with pytest.raises(anthropic.APIStatusError) as caught:
            list(self.create(claude, model="sandbox-error-midstream", stream=True))
        assert caught.value.body["error"]["type"] == "overloaded_error"
        stranger = anthropic.Anthropic(api_key="nobody", base_url=provider.url, max_retries=0)
        with pytest.raises(anthropic.AuthenticationError):
            self.create(stranger)

    def test_odd_streams_are_read_all_the_same(self, claude):
        for name in ("bytes", "comments", "gzip"):
            with claude.messages.stream(
                model=f"sandbox-{name}", max_tokens=100, messages=user(PROMPT),
            ) as stream:
                assert "".join(stream.text_stream) == ANSWER, name


class TestGemini:
    MODEL = "gemini-2.5-flash"

    def test_content(self, gemini):
        answer = gemini.models.generate_content(
            model=self.MODEL, contents=PROMPT + " [sandbox cached_tokens=2 reasoning_tokens=3]",
            config=types.GenerateContentConfig(system_instruction="Be brief", max_output_tokens=6),
        )
        assert answer.text == "The prompt has"
        assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
        usage = answer.usage_metadata
        assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (10, 3, 3)
        assert (usage.cached_content_token_count, usage.total_token_count) == (2, 16)

    def test_a_stream(self, gemini):
        chunks = list(gemini.models.generate_content_stream(model=self.MODEL, contents=PROMPT))
        assert "".join(chunk.text or "" for chunk in chunks) == ANSWER
        assert chunks[-1].usage_metadata.total_token_count == 10
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP

    def test_a_function(self, gemini):
        declaration = types.FunctionDeclaration(name="weather", parameters_json_schema=CITY)
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declaration])])
        answer = gemini.models.generate_content(model=self.MODEL, contents="The weather", config=config)
        assert answer.function_calls[0].args == {"city": "text"}
        chunks = gemini.models.generate_content_stream(model=self.MODEL, contents="The weather", config=config)
        assert [chunk.function_calls[0].name for chunk in chunks] == ["weather"]

    def test_embeddings_counts_and_models(self, gemini):
        answer = gemini.models.embed_content(model="gemini-embedding-001", contents=["one two", "three"])
        assert [sum(embedding.values) for embedding in answer.embeddings] == [1.0, 1.0]
        assert gemini.models.count_tokens(model=self.MODEL, contents=PROMPT).total_tokens == 5
        assert "models/sandbox-echo" in [model.name for model in gemini.models.list()]

    def test_errors_are_typed(self, gemini, provider):
        for model, error, status in [
            ("sandbox-nothing", genai.errors.ClientError, "NOT_FOUND"),
            ("sandbox-error-429", genai.errors.ClientError, "RESOURCE_EXHAUSTED"),
            ("sandbox-error-503", genai.errors.ServerError, "UNAVAILABLE"),
        ]:
            with pytest.raises(error) as caught:
                gemini.models.generate_content(model=model, contents="a")
            assert caught.value.status == status
        options = types.HttpOptions(base_url=provider.url)
        stranger = genai.Client(api_key="nobody", http_options=options)
        with pytest.raises(genai.errors.ClientError, match="API key"):
            stranger.models.generate_content(model=self.MODEL, contents="a")

    def test_odd_streams_are_read_all_the_same(self, gemini):
        for name in ("bytes", "gzip", "no-usage"):
            chunks = gemini.models.generate_content_stream(model=f"sandbox-{name}", contents=PROMPT)
            assert "".join(chunk.text or "" for chunk in chunks) == ANSWER, name


def test_the_journal_knows_which_credential_came_and_not_what_it_was(gpt, claude, gemini, provider):
    provider.control("requests", method="DELETE")
    gpt.chat.completions.create(model="gpt-4o", messages=user("a"), max_tokens=9)
    claude.messages.create(model="claude", max_tokens=9, messages=user("a"))
    gemini.models.generate_content(model="gemini-2.5-pro", contents="a")
    requests = provider.control("requests")["requests"]
    came = [[(c["at"], c["key"]) for c in request["credentials"]] for request in requests]
    assert came == [[("authorization", 0)], [("authorization", 0)], [("x-goog-api-key", 0)]]
    assert requests[0]["body"]["max_tokens"] == 9
    assert PROVIDER_KEY not in json.dumps(requests)
