// A token that may read and not write. `FAREBOX_READ_TOKEN` has it; `foreign/run` makes it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { account_id, balance, Cloudflare, connect, refused } from './farebox.mjs';

const client = connect({ apiToken: process.env.FAREBOX_READ_TOKEN });
const { topup } = client.aiGateway.billing;

test('it may look at the balance', async () => {
  assert.ok((await balance(client)) >= 0);
});

test('it may not buy', async () => {
  const call = topup.create({ account_id, amount: 1000 });
  await refused(call, Cloudflare.PermissionDeniedError, 10000);
});

test("it may not ask for a top-up's status", async () => {
  const call = topup.status({ account_id, payment_intent_id: 'in_unknown' });
  await refused(call, Cloudflare.PermissionDeniedError, 10000);
});
