// Gateways, and the keys and providers of their calls, by the SDK's own methods.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { account_id, Cloudflare, everyClient, refused } from './farebox.mjs';

const required = {
  cache_invalidate_on_update: false,
  cache_ttl: 0,
  collect_logs: true,
  rate_limiting_interval: 0,
  rate_limiting_limit: 0,
};

const name = () => `ts-${randomUUID().slice(0, 8)}`;

async function all(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

for (const [credentials, client] of Object.entries(everyClient)) {
  const gateways = client.aiGateway;

  /** A gateway of the test's own. */
  async function gateway(t) {
    const made = await gateways.create({ account_id, id: name(), ...required });
    t.after(() => gateways.delete(made.id, { account_id }));
    return made;
  }

  test(`gateways are made, changed and removed (${credentials})`, async () => {
    const made = await gateways.create({ account_id, ...required, id: name(), cache_ttl: null });
    assert.equal(made.cache_ttl, 0);
    assert.deepEqual(await gateways.get(made.id, { account_id }), made);
    const more = { retry_max_attempts: 3, retry_backoff: 'linear', log_management: 20_000 };
    const changed = await gateways.update(made.id, { account_id, ...required, ...more });
    assert.deepEqual({ ...changed, modified_at: null }, { ...made, ...more, modified_at: null });
    const replaced = await gateways.update(made.id, { account_id, ...required });
    assert.equal(replaced.retry_backoff, null);
    assert.equal((await gateways.delete(made.id, { account_id })).id, made.id);
    await refused(gateways.get(made.id, { account_id }), Cloudflare.NotFoundError, 7002);
  });

  test(`lists are followed to their end (${credentials})`, async (t) => {
    const first = await gateway(t);
    const id = `${first.id}-b`;
    await gateways.create({ account_id, id, ...required });
    t.after(() => gateways.delete(id, { account_id }));
    const listed = await all(gateways.list({ account_id, search: first.id, per_page: 1 }));
    assert.deepEqual(listed.map((each) => each.id), [first.id, id]);
  });

  test(`refusals of gateways (${credentials})`, async (t) => {
    const { id } = await gateway(t);
    const again = gateways.create({ account_id, id, ...required });
    await refused(again, Cloudflare.BadRequestError, 7001);
    const wrong = gateways.update(id, { account_id, ...required, logpush: true });
    const error = await refused(wrong, Cloudflare.BadRequestError, 7001);
    assert.deepEqual(error.error.errors[0].path, ['body', 'logpush']);
    await refused(gateways.delete('nowhere', { account_id }), Cloudflare.NotFoundError, 7002);
  });

  test(`where a provider is called (${credentials})`, async (t) => {
    const at = { account_id, gateway_id: (await gateway(t)).id };
    const url = await gateways.urls.get('google-ai-studio', at);
    assert.ok(url.endsWith(`/v1/${account_id}/${at.gateway_id}/google-ai-studio`), url);
    await refused(gateways.urls.get('nobody', at), Cloudflare.NotFoundError, 7002);
  });

  test(`keys are stored and never told (${credentials})`, async (t) => {
    const { id } = await gateway(t);
    const key = { alias: 'work', default_config: true, provider_slug: 'openai', secret: 'sk-a-long-secret-1234' };
    const stored = await gateways.providerConfigs.create(id, { account_id, ...key });
    assert.equal(stored.secret_preview, '****1234');
    const listed = await all(gateways.providerConfigs.list(id, { account_id }));
    assert.deepEqual(listed, [stored]);
    const again = gateways.providerConfigs.create(id, { account_id, ...key });
    const error = await refused(again, Cloudflare.BadRequestError, 7001);
    assert.deepEqual(error.error.errors[0].path, ['body', 'alias']);
  });

  test(`providers of one's own (${credentials})`, async (t) => {
    const providers = gateways.customProviders;
    const slug = name();
    const base_url = 'https://llm.example.com/v1';
    const headers = JSON.stringify({ 'x-key': 'hush' });
    const made = await providers.create({ account_id, name: 'Mine', slug, base_url, headers, enable: true });
    assert.equal(made.headers, '{"x-key":"****"}');
    assert.deepEqual(await providers.get(made.id, { account_id }), made);
    const order_by = 'created_at DESC';
    const listed = await all(providers.list({ account_id, search: slug, enable: true, order_by }));
    assert.deepEqual(listed, [made]);
    const at = { account_id, gateway_id: (await gateway(t)).id };
    assert.ok((await gateways.urls.get(`custom-${slug}`, at)).endsWith(`/custom-${slug}`));
    const inside = { account_id, name: 'In', slug: name(), base_url: 'https://10.0.0.1/' };
    await refused(providers.create(inside), Cloudflare.BadRequestError, 7001);
    assert.deepEqual(await providers.delete(made.id, { account_id }), made);
    await refused(providers.get(made.id, { account_id }), Cloudflare.NotFoundError, 7002);
  });
}
