// When an account tops itself up, by the SDK's own methods. Cloudflare takes these calls from its dashboard
// alone; here a token that may write will do.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { account_id, Cloudflare, everyClient, refused } from './farebox.mjs';

after(() => everyClient.token.aiGateway.billing.topup.config.delete({ account_id }));

const unset = { amount: null, threshold: null, error: null, disabledReason: null, lastFailedAt: null };

for (const [credentials, client] of Object.entries(everyClient)) {
  const { config } = client.aiGateway.billing.topup;

  test(`it is set, told and removed (${credentials})`, async () => {
    await client.aiGateway.billing.topup.create({ account_id, amount: 1000 });
    const set = { amount: 5000, threshold: 500 };
    assert.deepEqual(await config.create({ account_id, ...set }), set);
    assert.deepEqual(await config.get({ account_id }), { ...unset, ...set });
    await config.delete({ account_id });
    await config.delete({ account_id });
    assert.deepEqual(await config.get({ account_id }), unset);
  });

  test(`what is too small is refused (${credentials})`, async () => {
    const small = config.create({ account_id, amount: 999, threshold: 500 });
    await refused(small, Cloudflare.BadRequestError, 7001);
  });
}
