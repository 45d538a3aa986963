-- What each call was charged and why: evidence, which no retention removes. Units and terms are JSON;
-- money is nano-units. `cost` is what the call is worth by its rates, `charged` what was taken from credit,
-- `overrun` what should have been and was not, because less was held. Without foreign keys, as `holds`: it
-- is written together with its transfer, and the check of the books compares the two.
CREATE TABLE charges (
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
);

-- A call as its account can look it up. The id says when it was. Nothing refers to `gateways`: a call that
-- was under way when its gateway was removed has to be settled all the same.
CREATE TABLE logs (
    id TEXT PRIMARY KEY CHECK (length(id) = 26),
    account_id TEXT NOT NULL,
    gateway BIGINT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    model_type TEXT,
    success BIGINT NOT NULL,
    cached BIGINT NOT NULL,
    tokens_in BIGINT,
    tokens_out BIGINT,
    cost BIGINT,
    duration BIGINT NOT NULL,
    status_code BIGINT,
    feedback BIGINT,
    score TEXT,
    custom_cost BIGINT NOT NULL,
    request_type TEXT,
    path TEXT NOT NULL,
    step BIGINT,
    first_byte BIGINT,
    event_id TEXT,
    user_agent TEXT,
    authentication BIGINT NOT NULL,
    key_source TEXT NOT NULL CHECK (key_source IN ('request', 'stored', 'operator', 'none')),
    compatibility BIGINT NOT NULL,
    request_content_type TEXT,
    response_content_type TEXT,
    request_size BIGINT NOT NULL,
    response_size BIGINT NOT NULL,
    metadata TEXT,
    error TEXT
);
-- Everything that lists are mostly filtered and ordered by, so that a look through all of a gateway's logs
-- reads this index and not the rows.
CREATE INDEX logs_of_gateway ON logs (
    gateway, id, provider, model, model_type, success, cached, tokens_in, tokens_out, cost, duration
);

-- A log's metadata once more, a row for each key, to be found by.
CREATE TABLE log_metadata (
    log TEXT NOT NULL,
    gateway BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (log, key)
);
CREATE INDEX log_metadata_by_value ON log_metadata (gateway, value, log);

-- What was sent and what came back, gzip. Of a body that is longer than may be kept there is the beginning.
CREATE TABLE log_payloads (
    log TEXT PRIMARY KEY,
    request BYTEA,
    response BYTEA
);

-- How many logs each gateway has: counted with each, since a limit is held against it.
CREATE TABLE log_counts (
    gateway BIGINT PRIMARY KEY,
    logs BIGINT NOT NULL
);
