-- How many calls a gateway has let through, by slices of time, for its rate limit. Times are in milliseconds;
-- after `gone_at` a slice counts for nothing. It is written by every call and worth little after a crash:
-- no disk is waited for. On PostgreSQL it is not logged; on SQLite the one in the file stays empty, and the
-- process that has the file has another one in memory.
CREATE {UNLOGGED} TABLE rate_counts (
    gateway BIGINT NOT NULL,
    slice BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    gone_at BIGINT NOT NULL,
    PRIMARY KEY (gateway, slice)
);
CREATE INDEX rate_counts_gone ON rate_counts (gone_at);
