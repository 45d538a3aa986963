-- What an account's own history is read by. Every settlement pays for these, so each holds only the rows
-- that somebody asks for: nobody pages through `revenue`, and a hold is no usage before it is posted.
CREATE INDEX transfers_by_debit ON transfers (debit, seq);
CREATE INDEX transfers_by_credit ON transfers (credit, seq) WHERE credit <> 'revenue';

-- What Stripe last said of a top-up's invoice, so that a list of invoices needs nobody but us. Whoever
-- has the address of the PDF can open it, so it is kept sealed. `created_at` is Stripe's.
CREATE TABLE invoices (
    topup_id TEXT PRIMARY KEY REFERENCES topups (id),
    number TEXT,
    status TEXT NOT NULL,
    amount_due_cents BIGINT NOT NULL,
    amount_paid_cents BIGINT NOT NULL,
    attempt_count BIGINT NOT NULL,
    sealed_pdf TEXT,
    created_at BIGINT NOT NULL,
    asked_at BIGINT NOT NULL
);
