// Cloudflare's TypeScript SDK against a running Farebox, as `foreign/run` starts it.
//
// What the suite has to know comes in the environment: `FAREBOX_DEV` is the line that
// `farebox dev --json` prints.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

// The SDK reads credentials of its own accord, and two kinds at once would hide a fault in one.
for (const name of Object.keys(process.env)) {
  if (name.startsWith('CLOUDFLARE_')) delete process.env[name];
}

const { default: Cloudflare } = await import('cloudflare');

export { Cloudflare };
export const dev = JSON.parse(process.env.FAREBOX_DEV);
export const account_id = dev.account_id;

/** A client with these credentials; without retries unless it is about them. */
export function connect(credentials, options = {}) {
  return new Cloudflare({ baseURL: dev.base_url, maxRetries: 0, ...credentials, ...options });
}

/** Each of Cloudflare's two ways to authenticate. */
export const everyClient = {
  token: connect({ apiToken: dev.token }),
  'email+key': connect({ apiEmail: dev.email, apiKey: dev.key }),
};

export async function balance(client) {
  return (await client.aiGateway.billing.creditBalance({ account_id })).balance;
}

/** Asks until the credit is there, as the SDK's users do, and gives up after ten seconds. */
export async function completed(client, payment_intent_id) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await client.aiGateway.billing.topup.status({ account_id, payment_intent_id });
    assert.equal(answer.payment_intent_id, payment_intent_id);
    if (answer.status === 'completed') return;
    assert.equal(answer.status, 'pending');
    assert.ok(Date.now() < deadline, 'the top-up is still pending');
    await sleep(100);
  }
}

/** Does what the cardholder does in the browser: passes 3-D Secure. */
export async function authenticate(clientSecret) {
  const [paymentIntent] = clientSecret.split('_secret_');
  const url = `${dev.stripe_url}/_sandbox/payment_intents/${paymentIntent}/authenticate`;
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ outcome: 'succeed' });
  const answer = await fetch(url, { method: 'POST', headers, body });
  assert.equal(answer.status, 200);
}

/** Waits for the refusal, which has to be of this class and carry this one code; returns it. */
export async function refused(call, kind, code) {
  const error = await call.then(
    () => assert.fail('it was not refused'),
    (error) => error,
  );
  assert.ok(error instanceof kind, `${error}`);
  assert.deepEqual(error.errors.map((each) => each.code), [code]);
  assert.ok(error.errors.every((each) => each.message), 'an error has no message');
  return error;
}
