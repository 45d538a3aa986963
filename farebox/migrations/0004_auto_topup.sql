-- When an account tops itself up, and how the last automatic top-ups have gone since one succeeded or the
-- customer acted. `updated_at` is when the customer set it. `error`, `disabled_reason` and `last_failed_at`
-- are the last failure's; `is_off` means that nothing is tried before the customer acts again. Before `retry_at`
-- none starts. Until `limited_until` as much was bought as the operator allows in the period `limited_by`.
CREATE TABLE auto_topups (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    -- As nano-units it has to be a BIGINT too.
    threshold_cents BIGINT NOT NULL CHECK (threshold_cents > 0 AND threshold_cents <= 922337203685),
    error TEXT,
    disabled_reason TEXT CHECK (
        disabled_reason IN ('payment_failed', 'authentication_required', 'no_payment_method')
    ),
    last_failed_at BIGINT,
    failures BIGINT NOT NULL,
    interruptions BIGINT NOT NULL,
    is_off BIGINT NOT NULL CHECK (is_off IN (0, 1)),
    retry_at BIGINT,
    limited_by TEXT CHECK (limited_by IN ('daily', 'monthly')),
    limited_until BIGINT,
    updated_at BIGINT NOT NULL,
    CHECK ((disabled_reason IS NULL) = (error IS NULL)),
    CHECK ((disabled_reason IS NULL) = (last_failed_at IS NULL)),
    CHECK ((limited_by IS NULL) = (limited_until IS NULL))
);

-- What forbids automatic top-ups of an account, whether it has set any or not: setting them anew must not
-- lift it.
CREATE TABLE auto_topup_pauses (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    reason TEXT NOT NULL CHECK (reason IN ('dispute', 'refund')),
    error TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (account_id, reason)
);

-- One at a time for each account, however many nodes there are.
CREATE UNIQUE INDEX auto_topup_under_way ON topups (account_id)
WHERE kind = 'auto' AND state IN ('started', 'pending');

-- What was bought automatically in a day or a month.
CREATE INDEX auto_topups_by_time ON topups (account_id, created_at) WHERE kind = 'auto';
