-- SQLite only: what is found by its key is stored by it. SQLite numbers the rows of a table by itself, stores them by
-- that number, and has a key of ours in an index beside it. Stored by their own key, these are found in one place instead
-- of two, and a charge and each note of a log write one page fewer. Nothing refers to any of them. Logs stay as they
-- are, since a row with bodies in it is long, and such a table keeps only the beginning of a long row together; and so
-- do holds, whose ids are in no order.
CREATE TABLE new_charges (
    id TEXT PRIMARY KEY CHECK (length(id) = 26),
    account_id TEXT NOT NULL,
    gateway BIGINT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    units TEXT NOT NULL,
    terms TEXT NOT NULL,
    basis TEXT NOT NULL CHECK (basis IN ('reported', 'estimated')),
    cost BIGINT CHECK (cost >= 0),
    charged BIGINT NOT NULL CHECK (charged >= 0),
    overrun BIGINT NOT NULL CHECK (overrun >= 0),
    rate TEXT,
    explanation TEXT,
    hold TEXT,
    transfer TEXT
) WITHOUT ROWID;
INSERT INTO new_charges SELECT * FROM charges ORDER BY id;
DROP TABLE charges;
ALTER TABLE new_charges RENAME TO charges;

CREATE TABLE new_balances (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    debits_pending BIGINT NOT NULL CHECK (debits_pending >= 0),
    debits_posted BIGINT NOT NULL CHECK (debits_posted >= 0),
    credits_pending BIGINT NOT NULL CHECK (credits_pending >= 0),
    credits_posted BIGINT NOT NULL CHECK (credits_posted >= 0),
    frozen BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO new_balances SELECT * FROM balances ORDER BY account_id;
DROP TABLE balances;
ALTER TABLE new_balances RENAME TO balances;

CREATE TABLE new_usage_hours (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    hour BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (account_id, hour)
) WITHOUT ROWID;
INSERT INTO new_usage_hours SELECT * FROM usage_hours ORDER BY account_id, hour;
DROP TABLE usage_hours;
ALTER TABLE new_usage_hours RENAME TO usage_hours;

CREATE TABLE new_log_metadata (
    log TEXT NOT NULL,
    gateway BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (log, key)
) WITHOUT ROWID;
INSERT INTO new_log_metadata SELECT * FROM log_metadata ORDER BY log, key;
DROP TABLE log_metadata;
ALTER TABLE new_log_metadata RENAME TO log_metadata;
CREATE INDEX log_metadata_by_value ON log_metadata (gateway, value, log);

CREATE TABLE new_log_counts (
    gateway BIGINT PRIMARY KEY,
    logs BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO new_log_counts SELECT * FROM log_counts;
DROP TABLE log_counts;
ALTER TABLE new_log_counts RENAME TO log_counts;
