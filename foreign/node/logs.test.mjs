// Logs of calls, by the SDK's own methods, with filters as the SDK writes them.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';

import { account_id, Cloudflare, dev, everyClient, refused } from './farebox.mjs';

const gateway_id = 'default';
const at = { account_id, gateway_id };

/** A call to a model; the id of its log. */
async function call(content, event, { notes, model = 'gpt-4o' } = {}) {
  const headers = {
    authorization: `Bearer ${dev.token}`,
    'content-type': 'application/json',
    'cf-aig-event-id': event,
  };
  if (notes) headers['cf-aig-metadata'] = JSON.stringify(notes);
  const body = JSON.stringify({ model, messages: [{ role: 'user', content }] });
  const url = `${dev.gateway_url}/openai/v1/chat/completions`;
  const answer = await fetch(url, { method: 'POST', headers, body });
  await answer.text();
  return answer.headers.get('cf-aig-log-id');
}

const filter = (key, operator, ...value) => ({ key, operator, value });
const equal = (key, ...value) => filter(key, 'eq', ...value);

before(() => everyClient.token.aiGateway.billing.topup.create({ account_id, amount: 1000 }));

for (const [credentials, client] of Object.entries(everyClient)) {
  const { logs } = client.aiGateway;

  /** The ids of the logs that match, newest first. */
  async function ids(event, filters, more = {}) {
    const found = [];
    const all = [equal('event_id', event), ...filters];
    for await (const log of logs.list(gateway_id, { account_id, filters: all, per_page: 50, ...more })) {
      found.push(log.id);
    }
    return found;
  }

  test(`they are found by every kind of filter (${credentials})`, async () => {
    const event = randomUUID();
    const small = await call('one two', event);
    const large = await call('one two three four five six', event, { model: 'gpt-4o-mini' });
    const failed = await call('a [sandbox status=429]', event, { notes: { user: event, try: 2 } });
    for (const [filters, expected] of [
      [[], [failed, large, small]],
      [[equal('success', true)], [large, small]],
      [[equal('model', 'gpt-4o', 'gpt-4.1')], [failed, small]],
      [[filter('model', 'contains', 'MINI')], [large]],
      [[filter('tokens_in', 'gt', 3)], [large]],
      [[filter('cost', 'gt', 0.00002), equal('provider', 'openai', 'groq')], [small]],
      // Two filters of several values each, which only one that writes them in turn can tell apart.
      [[equal('model', 'gpt-4o', 'a'), equal('model', 'b', 'gpt-4o')], [failed, small]],
      [[equal('feedback', null)], [failed, large, small]],
      [[filter('success', 'neq', true)], [failed]],
      [[equal('metadata.key', 'user'), equal('metadata.value', event)], [failed]],
      [[equal('metadata.value', '2')], [failed]],
    ]) {
      assert.deepEqual(await ids(event, filters), expected, JSON.stringify(filters));
    }
    const order = { order_by: 'created_at', order_by_direction: 'asc' };
    assert.deepEqual(await ids(event, [], order), [small, large, failed]);
    assert.deepEqual(await ids(event, [], { search: event }), [failed]);
  });

  test(`one log and what was said (${credentials})`, async () => {
    const event = randomUUID();
    const id = await call('one two', event, { notes: { user: 'ada' } });
    const log = await logs.get(id, at);
    assert.deepEqual([log.provider, log.model, log.status_code], ['openai', 'gpt-4o', 200]);
    assert.equal(Math.round(log.cost * 1e9), log.tokens_in * 2500 + log.tokens_out * 10_000);
    assert.deepEqual(log.metadata, { user: 'ada' });
    assert.equal((await logs.request(id, at)).messages[0].content, 'one two');
    assert.equal((await logs.response(id, at)).usage.prompt_tokens, log.tokens_in);
    await logs.edit(id, { ...at, feedback: -1, score: 7, metadata: { user: 'bob' } });
    assert.deepEqual(await ids(event, [equal('feedback', -1), equal('metadata.value', 'bob')]), [id]);
  });

  test(`they are removed (${credentials})`, async () => {
    const event = randomUUID();
    const calls = [await call('one', event), await call('one', event), await call('one', event)];
    const filters = [equal('event_id', event)];
    const removed = await logs.delete(gateway_id, { account_id, filters, limit: 1 });
    assert.equal(removed.success, true);
    assert.deepEqual(await ids(event, []), [calls[2], calls[1]]);
    await logs.delete(gateway_id, { account_id, filters });
    assert.deepEqual(await ids(event, []), []);
    await refused(logs.get(calls[0], at), Cloudflare.NotFoundError, 7002);
  });

  test(`refusals of logs (${credentials})`, async () => {
    const wrong = logs.list(gateway_id, { account_id, filters: [equal('colour', 'red')] });
    const error = await refused(wrong, Cloudflare.BadRequestError, 7001);
    assert.deepEqual(error.error.errors[0].path, ['query', 'filters', '0', 'key']);
    await refused(logs.list('nowhere', { account_id }), Cloudflare.NotFoundError, 7002);
    const none = logs.response('01K8W2S3T4V5W6X7Y8Z9A0B1C2', at);
    await refused(none, Cloudflare.NotFoundError, 7002);
  });
}
