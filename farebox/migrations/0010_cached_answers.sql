-- Answers that calls like the ones that brought them get again. `key` is the SHA-256 of everything that makes
-- a call the same, its gateway's generation included: of another generation, an answer is never found
-- again. The body is gzip, and `size` what it takes. Without foreign keys: what belongs to a gateway that is
-- gone is removed by itself.
CREATE TABLE cached_answers (
    key TEXT PRIMARY KEY CHECK (length(key) = 64),
    gateway BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    status BIGINT NOT NULL,
    content_type TEXT,
    content_encoding TEXT,
    body BYTEA NOT NULL,
    size BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX cached_answers_by_expiry ON cached_answers (expires_at);
-- What is removed first of a gateway's, and how much all of them take, without a look at the rows.
CREATE INDEX cached_answers_of_gateway ON cached_answers (gateway, generation, expires_at, size);
