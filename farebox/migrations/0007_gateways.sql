-- Gateways: named settings of an account, by which calls to providers go through. `seq` is the gateway
-- itself: an id that is used again, after the gateway that had it was removed, is another gateway. Times
-- are in the units that the API has: seconds, but `retry_delay`, which is milliseconds. 0 is off.
-- `cache_generation` is part of what a cached answer is found by, so that raising it forgets them all.
CREATE TABLE gateways (
    seq {SEQUENCE},
    account_id TEXT NOT NULL REFERENCES accounts (id),
    id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    version BIGINT NOT NULL,
    cache_generation BIGINT NOT NULL,
    cache_ttl BIGINT NOT NULL CHECK (cache_ttl >= 0),
    cache_invalidate_on_update BIGINT NOT NULL,
    collect_logs BIGINT NOT NULL,
    log_management BIGINT CHECK (log_management > 0),
    log_management_strategy TEXT CHECK (log_management_strategy IN ('STOP_INSERTING', 'DELETE_OLDEST')),
    rate_limiting_limit BIGINT NOT NULL CHECK (rate_limiting_limit >= 0),
    rate_limiting_interval BIGINT NOT NULL CHECK (rate_limiting_interval >= 0),
    rate_limiting_technique TEXT NOT NULL CHECK (rate_limiting_technique IN ('fixed', 'sliding')),
    authentication BIGINT NOT NULL,
    byok_only BIGINT NOT NULL,
    zdr BIGINT NOT NULL,
    clamp_max_tokens BIGINT NOT NULL,
    retry_max_attempts BIGINT CHECK (retry_max_attempts BETWEEN 1 AND 5),
    retry_delay BIGINT CHECK (retry_delay BETWEEN 0 AND 60000),
    retry_backoff TEXT CHECK (retry_backoff IN ('constant', 'linear', 'exponential')),
    store_id TEXT,
    spend_limits TEXT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (account_id, id)
);

-- Gateways that are gone, for as long as something of theirs may be left: a million logs are removed bit
-- by bit, and a call that was under way writes its log later.
CREATE TABLE removed_gateways (
    gateway BIGINT PRIMARY KEY,
    removed_at BIGINT NOT NULL
);

-- Keys for providers that accounts have stored: sealed, and of which enough is kept in clear to tell them
-- apart. The one that is used where a call names none is `is_default`, or the one called "default".
CREATE TABLE provider_configs (
    id TEXT PRIMARY KEY CHECK (length(id) = 32),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    gateway BIGINT NOT NULL REFERENCES gateways (seq),
    provider TEXT NOT NULL,
    alias TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    sealed TEXT NOT NULL,
    preview TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (gateway, provider, alias)
);

-- Providers of an account's own, called by `custom-` and their slug. Their headers may hold credentials, so
-- that the values are sealed; the names are kept in clear, to be shown.
CREATE TABLE custom_providers (
    id TEXT PRIMARY KEY CHECK (length(id) = 36),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    base_url TEXT NOT NULL,
    enable BIGINT NOT NULL,
    beta BIGINT NOT NULL,
    description TEXT,
    link TEXT,
    curl_example TEXT,
    js_example TEXT,
    position BIGINT,
    header_names TEXT NOT NULL,
    sealed_headers TEXT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (account_id, slug)
);
