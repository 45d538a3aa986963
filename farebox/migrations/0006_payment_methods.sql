-- Setups of cards that are dealt with: their card was made the default, or a later one was. Each is once,
-- however often and late Stripe tells of it.
CREATE TABLE settled_setups (
    setup_intent_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    settled_at BIGINT NOT NULL
);
CREATE INDEX settled_setups_of_account ON settled_setups (account_id);
CREATE INDEX settled_setups_by_age ON settled_setups (settled_at);

-- Until when somebody is changing the account's cards at Stripe: one at a time, so that of two changes the
-- later one stays.
ALTER TABLE accounts ADD COLUMN cards_claimed_until BIGINT NOT NULL DEFAULT 0;

-- A card that was taken away from its customer names only itself.
CREATE INDEX accounts_by_card ON accounts (card_id) WHERE card_id IS NOT NULL;
