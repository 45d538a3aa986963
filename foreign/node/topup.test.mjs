// Buying credit, as a user of the SDK does it.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import {
  account_id, authenticate, balance, Cloudflare, completed, connect, dev, everyClient, refused,
} from './farebox.mjs';

for (const [credentials, client] of Object.entries(everyClient)) {
  const { billing } = client.aiGateway;

  test(`a top-up ends in the balance (${credentials})`, async () => {
    const before = await balance(client);
    const bought = await billing.topup.create({ account_id, amount: 1234 });
    assert.match(bought.payment_intent_id, /^in_/);
    assert.equal(bought.client_secret, null);
    assert.deepEqual([bought.onboarding, bought.brand, bought.last4], [true, 'visa', '4242']);
    await completed(client, bought.payment_intent_id);
    assert.equal(await balance(client), before + 1234);
  });

  test(`3-D Secure is pending until the cardholder has passed (${credentials})`, async () => {
    const before = await balance(client);
    const payment_method_id = 'pm_card_authenticationRequired';
    const bought = await billing.topup.create({ account_id, amount: 1000, payment_method_id });
    const { payment_intent_id } = bought;
    assert.match(bought.client_secret, /^pi_/);
    const { status } = await billing.topup.status({ account_id, payment_intent_id });
    assert.equal(status, 'pending');
    assert.equal(await balance(client), before);
    await authenticate(bought.client_secret);
    const headers = { Prefer: 'wait=10' };
    const held = await billing.topup.status({ account_id, payment_intent_id }, { headers });
    assert.equal(held.status, 'completed');
    assert.equal(await balance(client), before + 1000);
  });
}

const client = everyClient.token;
const { billing } = client.aiGateway;

test('the balance has every field', async () => {
  const answer = await billing.creditBalance({ account_id });
  assert.equal(answer.has_default_payment_method, true);
  assert.deepEqual(answer.payment_method, { brand: 'visa', last4: '4242' });
  const fields = ['amount', 'disabledReason', 'error', 'lastFailedAt', 'threshold'];
  assert.deepEqual(Object.keys(answer.topup_config).sort(), fields);
});

test('the same idempotency key buys once', async () => {
  const before = await balance(client);
  const headers = { 'Idempotency-Key': randomUUID() };
  const first = await billing.topup.create({ account_id, amount: 1000 }, { headers });
  const again = await billing.topup.create({ account_id, amount: 1000 }, { headers });
  assert.equal(again.payment_intent_id, first.payment_intent_id);
  await completed(client, first.payment_intent_id);
  assert.equal(await balance(client), before + 1000);
  const other = billing.topup.create({ account_id, amount: 2000 }, { headers });
  await refused(other, Cloudflare.ConflictError, 8007);
  assert.equal(await balance(client), before + 1000);
});

test("a conflict is not worth the SDK's retries", async () => {
  let calls = 0;
  const counting = (...request) => {
    calls += 1;
    return fetch(...request);
  };
  const options = { maxRetries: 2, fetch: counting };
  const { topup } = connect({ apiToken: dev.token }, options).aiGateway.billing;
  const headers = { 'Idempotency-Key': randomUUID() };
  await topup.create({ account_id, amount: 1000 }, { headers });
  calls = 0;
  const other = topup.create({ account_id, amount: 2000 }, { headers });
  await refused(other, Cloudflare.ConflictError, 8007);
  assert.equal(calls, 1);
});

test('a token tells about itself', async () => {
  const verified = await client.user.tokens.verify();
  assert.deepEqual([verified.status, verified.id.length], ['active', 32]);
});
