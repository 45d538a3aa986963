-- Holds that were asked for by the API, with what the caller said about them. `seq` is their order in
-- lists; what has become of each is in `holds`.
CREATE TABLE hold_requests (
    seq {SEQUENCE},
    id TEXT NOT NULL UNIQUE REFERENCES holds (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    expires_in BIGINT NOT NULL CHECK (expires_in > 0),
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX hold_requests_of_account ON hold_requests (account_id, seq);

-- What the caller said about each capture; the amount is the transfer's.
CREATE TABLE captures (
    seq {SEQUENCE},
    id TEXT NOT NULL UNIQUE REFERENCES transfers (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    hold TEXT NOT NULL REFERENCES hold_requests (id),
    description TEXT,
    metadata TEXT NOT NULL
);
CREATE INDEX captures_of_hold ON captures (hold, seq);

-- The most that an account may spend on usage in a window of time; none without a row.
CREATE TABLE spending_limits (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    duration TEXT NOT NULL CHECK (duration IN ('daily', 'weekly', 'monthly')),
    strategy TEXT NOT NULL CHECK (strategy IN ('fixed', 'sliding')),
    updated_at BIGINT NOT NULL
);

-- What each account has been debited for usage in each hour since the epoch: a view of the transfers,
-- kept so that a window of a month is a sum of hours.
CREATE TABLE usage_hours (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    hour BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (account_id, hour)
);
INSERT INTO usage_hours (account_id, hour, amount)
SELECT substr(debit, 10), at / 3600000, CAST(SUM(amount) AS BIGINT)
FROM transfers
WHERE debit LIKE 'customer:%' AND code = 3 AND phase IN ('single', 'post', 'post_last') AND amount > 0
GROUP BY substr(debit, 10), at / 3600000;

-- The usage of an account in a part of an hour.
CREATE INDEX usage_by_time ON transfers (debit, at)
WHERE code = 3 AND phase IN ('single', 'post', 'post_last');
