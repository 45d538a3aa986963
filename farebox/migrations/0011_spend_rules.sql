-- What is counted against the spend rules of gateways. A rule counts in buckets, one or, where it splits by
-- metadata, one for each value.

-- What calls have cost, one row for a bucket and a moment. `total` is the sum of everything that was ever counted
-- in the bucket, with this row: so what was spent since a moment is the difference of two rows. Rows that are
-- older than the longest window are removed; the difference doesn't need them.
CREATE TABLE bucket_spend (
    gateway BIGINT NOT NULL,
    bucket TEXT NOT NULL,
    at BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    total BIGINT NOT NULL CHECK (total >= amount),
    PRIMARY KEY (gateway, bucket, at)
);
-- By minutes, so that no planner ever takes it for the order of `at` and looks for one bucket among all.
CREATE INDEX bucket_spend_by_age ON bucket_spend ((at / 60000));

-- What calls under way have reserved. One that is past its time counts no more, whether its row is still there
-- or not. `id` is the call's hold; a call that takes no credit has none, and an id all the same.
CREATE TABLE bucket_reservations (
    id TEXT NOT NULL,
    gateway BIGINT NOT NULL,
    bucket TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id, bucket)
);
CREATE INDEX bucket_reservations_by_bucket
    ON bucket_reservations (gateway, bucket, expires_at, amount);
