-- The first schema. Every column is BIGINT or TEXT, so that one text serves SQLite and PostgreSQL;
-- the one word in braces is replaced by each engine's own for a number that grows by itself.
-- Times are Unix milliseconds; money of the ledger is nano-units (1 cent = 10^7); `_cents` are cents.
-- Constraints live here, decisions never do: no triggers.

-- Whom Farebox serves. The Stripe customer is made with the first top-up; of its default card only
-- what may be shown is kept, as Stripe told it at `card_looked_at`.
CREATE TABLE accounts (
    id TEXT PRIMARY KEY CHECK (length(id) = 32),
    name TEXT NOT NULL,
    stripe_customer_id TEXT UNIQUE,
    card_id TEXT,
    card_brand TEXT,
    card_last4 TEXT,
    card_looked_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- People, who sign requests with an e-mail address and a global key. Keys are stored as keyed hashes.
CREATE TABLE users (
    id TEXT PRIMARY KEY CHECK (length(id) = 32),
    email TEXT NOT NULL UNIQUE,
    key_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE members (
    user_id TEXT NOT NULL REFERENCES users (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, account_id)
);

-- Tokens belong to an account. The token itself is shown once and stored as a keyed hash only.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY CHECK (length(id) = 32),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    permissions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX tokens_of_account ON tokens (account_id, created_at);

-- The running totals of a customer's ledger account. `available` is
-- credits_posted - debits_posted - debits_pending; system accounts have no row, they are sums.
CREATE TABLE balances (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    debits_pending BIGINT NOT NULL CHECK (debits_pending >= 0),
    debits_posted BIGINT NOT NULL CHECK (debits_posted >= 0),
    credits_pending BIGINT NOT NULL CHECK (credits_pending >= 0),
    credits_posted BIGINT NOT NULL CHECK (credits_posted >= 0)
);

-- Written once, never changed, never removed. A hold is a pending transfer; what resolves it is a
-- transfer of its own that points to it.
CREATE TABLE transfers (
    seq {SEQUENCE},
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 32),
    debit TEXT NOT NULL,
    credit TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    code BIGINT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('single', 'pending', 'post', 'post_last', 'void', 'expire')),
    hold TEXT REFERENCES transfers (id),
    expires_at BIGINT,
    reference TEXT NOT NULL,
    at BIGINT NOT NULL,
    CHECK (debit <> credit),
    CHECK ((phase = 'pending') = (expires_at IS NOT NULL)),
    CHECK ((phase IN ('post', 'post_last', 'void', 'expire')) = (hold IS NOT NULL))
);

-- What has become of each hold so far: a view of its transfers, kept because every settlement asks.
-- Without foreign keys: a row is written together with its transfer, from a balance that is locked, and
-- the check of the books compares all three; PostgreSQL would look both up again for every hold, which
-- costs twice what writing the row does.
CREATE TABLE holds (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    credit TEXT NOT NULL,
    code BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    posted BIGINT NOT NULL CHECK (posted >= 0 AND posted <= amount),
    state TEXT NOT NULL CHECK (state IN ('open', 'posted', 'voided', 'expired')),
    expires_at BIGINT NOT NULL
);
CREATE INDEX open_holds_by_expiry ON holds (expires_at) WHERE state = 'open';

-- One purchase of credit. `state` is a view of what Stripe says; credit itself exists by the transfer.
-- `step` is how far the calls to Stripe have come, written before a call that may charge.
CREATE TABLE topups (
    id TEXT PRIMARY KEY CHECK (length(id) = 32),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('manual', 'auto')),
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    fee_cents BIGINT NOT NULL CHECK (fee_cents >= 0),
    currency TEXT NOT NULL,
    livemode BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    requested_payment_method TEXT,
    state TEXT NOT NULL CHECK (state IN ('started', 'pending', 'completed', 'closed', 'review')),
    step TEXT NOT NULL CHECK (step IN ('new', 'invoiced', 'finalized', 'paying', 'done')),
    waiting TEXT,
    close_reason TEXT,
    decline_code TEXT,
    mismatch TEXT,
    invoice_id TEXT UNIQUE,
    payment_intent_id TEXT UNIQUE,
    payment_method_id TEXT,
    brand TEXT,
    last4 TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    completed_at BIGINT,
    looked_at BIGINT NOT NULL,
    claimed_until BIGINT NOT NULL,
    CHECK ((state = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((state = 'closed') = (close_reason IS NOT NULL)),
    CHECK ((state = 'review') = (mismatch IS NOT NULL))
);
CREATE INDEX topups_of_account ON topups (account_id, created_at);
CREATE INDEX topups_unsettled ON topups (looked_at) WHERE state IN ('started', 'pending');

-- `Idempotency-Key`s of the management API: what was asked under a key, and the answer, sealed
-- because it may carry a client secret of Stripe's.
CREATE TABLE idempotency_keys (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    topup_id TEXT NOT NULL REFERENCES topups (id),
    answer TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Stripe's events, once each, however often they are delivered.
CREATE TABLE stripe_events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    object_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);

-- Work that must happen, enqueued in the transaction that makes it necessary. Claimed by time: a
-- worker that dies lets its claim run out.
CREATE TABLE jobs (
    seq {SEQUENCE},
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    UNIQUE (kind, subject)
);
CREATE INDEX jobs_due ON jobs (due_at);

-- What holds for the whole database, such as the fingerprint of the key that its secrets need.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- How far a reader of somebody else's list has come.
CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    position BIGINT NOT NULL
);
