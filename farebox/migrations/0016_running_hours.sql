-- What an account has used in the hour that is running stands with its totals, which every settlement writes anyway, and
-- goes to `usage_hours` when a later hour begins: so a call writes a row fewer. `hour` is counted since the epoch; what
-- `usage_hours` has of it already stays there, and counts besides.
ALTER TABLE balances ADD COLUMN hour BIGINT NOT NULL DEFAULT 0;
ALTER TABLE balances ADD COLUMN used_in_hour BIGINT NOT NULL DEFAULT 0 CHECK (used_in_hour >= 0);
