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
