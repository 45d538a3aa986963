// Every refusal arrives as the SDK's own class, with a code to branch on.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { account_id, Cloudflare, connect, dev, everyClient, refused } from './farebox.mjs';

const payment_intent_id = 'in_unknown';

for (const [credentials, client] of Object.entries(everyClient)) {
  const { billing } = client.aiGateway;

  test(`the smallest top-up is ten dollars (${credentials})`, async () => {
    const call = billing.topup.create({ account_id, amount: 999 });
    const error = await refused(call, Cloudflare.BadRequestError, 7001);
    assert.deepEqual(error.error.errors[0].path, ['body', 'amount']);
  });

  test(`a declined card (${credentials})`, async () => {
    const payment_method_id = 'pm_card_chargeDeclined';
    const call = billing.topup.create({ account_id, amount: 1000, payment_method_id });
    await refused(call, Cloudflare.BadRequestError, 8001);
  });

  test(`an unknown top-up (${credentials})`, async () => {
    const call = billing.topup.status({ account_id, payment_intent_id });
    await refused(call, Cloudflare.NotFoundError, 7002);
  });

  test(`another account (${credentials})`, async () => {
    const call = billing.creditBalance({ account_id: '0'.repeat(32) });
    await refused(call, Cloudflare.PermissionDeniedError, 9109);
  });
}

test('a wrong token', async () => {
  const { billing } = connect({ apiToken: 'not-a-token' }).aiGateway;
  await refused(billing.creditBalance({ account_id }), Cloudflare.AuthenticationError, 10000);
});

test('a wrong key', async () => {
  const { billing } = connect({ apiEmail: dev.email, apiKey: '0'.repeat(37) }).aiGateway;
  await refused(billing.creditBalance({ account_id }), Cloudflare.AuthenticationError, 9103);
});

test('an endpoint that is not there', async () => {
  const call = everyClient.token.get(`/accounts/${account_id}/ai-gateway/nothing`);
  await refused(call, Cloudflare.NotFoundError, 7003);
});
