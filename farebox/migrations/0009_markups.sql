-- What is added to the providers' prices, in percent: for an account or, where that is empty, for
-- everybody; for a model (`openai/gpt-4o`), a provider (`openai`) or, where that is empty, for all.
CREATE TABLE markups (
    account_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    percent TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, scope)
);
