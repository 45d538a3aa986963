// The spending limit, by the SDK's own methods; what it refuses, by the SDK's own exception.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { account_id, Cloudflare, dev, everyClient, refused } from './farebox.mjs';

after(() => everyClient.token.aiGateway.billing.spendingLimit.delete({ account_id }));

for (const [credentials, client] of Object.entries(everyClient)) {
  const limits = client.aiGateway.billing.spendingLimit;

  test(`it is set, told and removed (${credentials})`, async () => {
    const config = { amount: 10_000, duration: 'monthly', strategy: 'sliding' };
    await limits.create({ account_id, ...config });
    assert.deepEqual(await limits.get({ account_id }), { config, enabled: true });
    await limits.delete({ account_id });
    await limits.delete({ account_id });
    const unset = { amount: null, duration: null, strategy: null };
    assert.deepEqual(await limits.get({ account_id }), { config: unset, enabled: false });
  });

  test(`what passes it is refused (${credentials})`, async () => {
    await client.aiGateway.billing.topup.create({ account_id, amount: 1000 });
    await limits.create({ account_id, amount: 100, duration: 'weekly', strategy: 'fixed' });
    const path = `/accounts/${dev.account_id}/ai-gateway/billing/holds`;
    const hold = client.post(path, { body: { amount: 100.5 } });
    await refused(hold, Cloudflare.RateLimitError, 8021);
    await limits.delete({ account_id });
  });
}
