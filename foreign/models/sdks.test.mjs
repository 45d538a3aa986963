// The SDKs for Node: an answer, a stream, and that the reason of a refusal is in the error that a program sees.
// `test_node.py` runs them, with the account's addresses and tokens in FAREBOX_MODELS.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';

const { gateway, rest, token, poor } = JSON.parse(process.env.FAREBOX_MODELS);

const PROMPT = 'How many words are here?';
const ANSWER = 'The prompt has 5 words.';
const GPT = 'gpt-4o';
const CLAUDE = 'claude-sonnet-4-5';
const GEMINI = 'gemini-2.5-flash';
const asked = [{ role: 'user', content: PROMPT }];

const openai = (who, baseURL) => new OpenAI({ apiKey: who.token, baseURL, maxRetries: 0 });

// Each way to call: how, with which account's addresses, and what it answers.
const ways = {
  'openai, on its own path': async (who) => {
    const client = openai(who, `${who.gateway}/openai/v1`);
    return (await client.chat.completions.create({ model: GPT, messages: asked })).choices[0].message.content;
  },
  'openai, on compat': async (who) => {
    const client = openai(who, `${who.gateway}/compat`);
    const model = `anthropic/${CLAUDE}`;
    return (await client.chat.completions.create({ model, messages: asked })).choices[0].message.content;
  },
  'openai, a response': async (who) => {
    const client = openai(who, `${who.rest}/v1`);
    return (await client.responses.create({ model: `openai/${GPT}`, input: PROMPT })).output_text;
  },
  '@anthropic-ai/sdk': async (who) => {
    const client = new Anthropic({ apiKey: who.token, baseURL: `${who.gateway}/anthropic`, maxRetries: 0 });
    return (await client.messages.create({ model: CLAUDE, max_tokens: 100, messages: asked })).content[0].text;
  },
  '@google/genai': async (who) => {
    const httpOptions = { baseUrl: `${who.gateway}/google-ai-studio` };
    const client = new GoogleGenAI({ apiKey: who.token, httpOptions });
    return (await client.models.generateContent({ model: GEMINI, contents: PROMPT })).text;
  },
};

// The models of the AI SDK.
const models = {
  '@ai-sdk/openai': (who) => createOpenAI({ apiKey: who.token, baseURL: `${who.gateway}/openai/v1` })(GPT),
  '@ai-sdk/openai, chat': (who) =>
    createOpenAI({ apiKey: who.token, baseURL: `${who.gateway}/openai/v1` }).chat(GPT),
  '@ai-sdk/openai-compatible': (who) => {
    const options = { name: 'farebox', apiKey: who.token, baseURL: `${who.gateway}/compat` };
    return createOpenAICompatible({ ...options, includeUsage: true })(`google-ai-studio/${GEMINI}`);
  },
  '@ai-sdk/anthropic': (who) =>
    createAnthropic({ apiKey: who.token, baseURL: `${who.gateway}/anthropic/v1` })(CLAUDE),
  '@ai-sdk/google': (who) =>
    createGoogleGenerativeAI({ apiKey: who.token, baseURL: `${who.gateway}/google-ai-studio/v1beta` })(GEMINI),
};

const rich = { gateway, rest, token };

for (const [name, call] of Object.entries(ways)) {
  test(`${name}: an answer, and the reason of a refusal`, async () => {
    assert.equal(await call(rich), ANSWER);
    await assert.rejects(call(poor), (error) => {
      assert.match(error.message, /Top up/);
      assert.equal(error.status, 402);
      return true;
    });
    await assert.rejects(call({ ...rich, token: 'fbx_unknown' }), (error) => {
      assert.match(error.message, /Unauthorized: the token/);
      assert.equal(error.status, 401);
      return true;
    });
  });
}

for (const [name, of] of Object.entries(models)) {
  test(`${name} of the AI SDK: an answer, a stream, and the reason of a refusal`, async () => {
    const answered = await generateText({ model: of(rich), prompt: PROMPT, maxRetries: 0 });
    assert.equal(answered.text, ANSWER);
    const streamed = streamText({ model: of(rich), prompt: PROMPT, maxRetries: 0 });
    assert.equal(await streamed.text, ANSWER);
    assert.equal((await streamed.usage).outputTokens, 5);
    const refused = generateText({ model: of(poor), prompt: PROMPT, maxRetries: 0 });
    await assert.rejects(refused, (error) => {
      assert.match(error.message, /Top up/);
      assert.deepEqual([error.statusCode, error.isRetryable], [402, false]);
      return true;
    });
  });
}

test('lists of models', async () => {
  const named = [];
  for await (const model of openai(rich, `${gateway}/compat`).models.list()) {
    named.push(model.id);
  }
  assert.ok(named.includes(`anthropic/${CLAUDE}`), named);
  const client = new Anthropic({ apiKey: token, baseURL: `${gateway}/anthropic`, maxRetries: 0 });
  const claudes = [];
  for await (const model of client.models.list({ limit: 2 })) {
    claudes.push(model.id);
  }
  assert.ok(claudes.includes(CLAUDE) && new Set(claudes).size === claudes.length, claudes);
  const httpOptions = { baseUrl: `${gateway}/google-ai-studio` };
  const pager = await new GoogleGenAI({ apiKey: token, httpOptions }).models.list({ config: { pageSize: 2 } });
  const geminis = [];
  for await (const model of pager) {
    geminis.push(model.name);
  }
  assert.ok(geminis.includes(`models/${GEMINI}`), geminis);
});
