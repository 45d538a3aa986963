-- Money of a top-up that goes back to the card: refunds, the operator's and those made at Stripe, and
-- disputes. What each has taken out of the books is a view of its transfers, in nano-units; `open` is
-- whether a dispute is still being decided.
CREATE TABLE reversals (
    seq {SEQUENCE},
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 32),
    topup_id TEXT NOT NULL REFERENCES topups (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('refund', 'dispute')),
    stripe_id TEXT UNIQUE,
    amount_cents BIGINT NOT NULL CHECK (amount_cents > 0),
    status TEXT NOT NULL,
    open BIGINT NOT NULL,
    reason TEXT,
    created_by TEXT NOT NULL,
    taken_money BIGINT NOT NULL CHECK (taken_money >= 0),
    taken_credit BIGINT NOT NULL CHECK (taken_credit >= 0),
    taken_fee BIGINT NOT NULL CHECK (taken_fee >= 0),
    taken_loss BIGINT NOT NULL CHECK (taken_loss >= 0),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX reversals_of_topup ON reversals (topup_id, seq);
CREATE INDEX reversals_of_account ON reversals (account_id, kind, seq);
CREATE INDEX reversals_asked ON reversals (updated_at) WHERE status = 'asked';
CREATE INDEX reversals_open ON reversals (account_id) WHERE open = 1;

-- How many times money has been taken or given back for a top-up. Who plans a movement has seen a number,
-- and only the first to write the next one has planned by what is so.
ALTER TABLE topups ADD COLUMN reversal_moves BIGINT NOT NULL DEFAULT 0;

-- Whether new spending is refused, as the operator can have it while a payment is disputed.
ALTER TABLE balances ADD COLUMN frozen BIGINT NOT NULL DEFAULT 0;
