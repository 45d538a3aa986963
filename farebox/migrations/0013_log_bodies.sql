-- What was sent and what came back stands in the row of its log, gzip; of a body that is longer than may be kept there
-- is the beginning. So a call writes a row and a key fewer. The bodies come last, since SQLite follows a long row no
-- further than to the last column that somebody reads.
ALTER TABLE logs ADD COLUMN request_body BYTEA;
ALTER TABLE logs ADD COLUMN response_body BYTEA;

-- Not by `FROM`, for which SQLite would put all bodies into memory first.
UPDATE logs SET (request_body, response_body) =
    (SELECT request, response FROM log_payloads WHERE log = logs.id);

DROP TABLE log_payloads;

-- Few calls have a name of their caller's, which is asked for to find that one: without this every row would be read.
CREATE INDEX logs_by_event ON logs (gateway, event_id, id) WHERE event_id IS NOT NULL;
