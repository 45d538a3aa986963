-- Settlements that came alone on SQLite, as durable as any, and booked a moment later: what is posted out of which hold, and
-- the call's charge and log. `charge` and `log` are JSON, the columns of those tables in their order.
CREATE TABLE noted (
    seq INTEGER PRIMARY KEY,
    at BIGINT NOT NULL,
    transfer TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hold TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    reference TEXT NOT NULL,
    call TEXT,
    gateway BIGINT,
    charge TEXT,
    log TEXT,
    stop_at BIGINT,
    request_body BYTEA,
    response_body BYTEA
);
