#!/usr/bin/env bash
# `data: [DONE]` ends a stream for some clients only.
#
# One stream of chat completions, with a chunk of text and one of usage behind `[DONE]`:
#
#   openai 6.49.0 (npm)                            text "a", no usage
#   openai 3.57.0 (PyPI)                           text "a", no usage
#   ai 7.0.173 with openai-compatible 2.0.92       text "ab", usage 15 tokens
#
# What follows for a gateway: what it adds behind `[DONE]` is read by some as a part of the answer, and what a provider
# sends there has to be passed on and counted.
. "$(dirname "$0")/lib.sh"
python_packages openai==3.57.0
node_packages ai@7.0.173 @ai-sdk/openai-compatible@2.0.92 openai@6.49.0
cat >"$work/after.mjs" <<'JS'
import assert from "node:assert";
import { spawn } from "node:child_process";
import http from "node:http";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import OpenAI from "openai";

const chunk = (members) => `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", ...members })}\n\n`;
const text = (content, finish_reason) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason }] });
const usage = { prompt_tokens: 7, completion_tokens: 8, total_tokens: 15 };
const body = `${text("a", "stop")}data: [DONE]\n\n${text("b", null)}${chunk({ choices: [], usage })}`;
const server = http.createServer((request, response) => {
    request.resume().on("end", () => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(body);
    });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${server.address().port}`;

async function openai() {
    const client = new OpenAI({ apiKey: "k", baseURL });
    const seen = [];
    const stream = await client.chat.completions.create({ model: "m", stream: true, messages: [] });
    for await (const each of stream) seen.push(each.choices[0]?.delta.content ?? each.usage.total_tokens);
    return seen;
}

async function ai() {
    const model = createOpenAICompatible({ name: "x", apiKey: "k", baseURL })("m");
    const stream = streamText({ model, prompt: "hi" });
    return [await stream.text, (await stream.usage).totalTokens];
}

const python = () =>
    new Promise((resolve, reject) => {
        const child = spawn(process.env.PYTHON, ["-c", `
import openai, json
client = openai.OpenAI(api_key="k", base_url="${baseURL}")
stream = client.chat.completions.create(model="m", stream=True, messages=[])
print(json.dumps([each.choices[0].delta.content if each.choices else each.usage.total_tokens for each in stream]))
`]);
        let out = "";
        child.stdout.on("data", (data) => (out += data));
        child.on("close", (code) => (code ? reject(new Error(`exit ${code}`)) : resolve(JSON.parse(out))));
    });

const found = { "openai (npm)": await openai(), "openai (PyPI)": await python(), ai: await ai() };
console.log(found);
assert.deepEqual(found, { "openai (npm)": ["a"], "openai (PyPI)": ["a"], ai: ["ab", 15] });
process.exit(0);
JS
PYTHON=$python node "$work/after.mjs"
