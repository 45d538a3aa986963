//! Loading as an operator meets it: files and variables in, a configuration or words out.

use std::{path::PathBuf, time::Duration};

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

fn load_with(file: Option<&str>, env: &[(&str, &str)]) -> (TempDir, Result<Config, ConfigError>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("farebox.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loaded = Config::load(file.map(|_| path.as_path()), env);
    (directory, loaded)
}

fn load(file: &str, env: &[(&str, &str)]) -> Config {
    load_with(Some(file), env).1.unwrap()
}

/// The problems, one a line, without the temporary directory.
fn problems(file: &str, env: &[(&str, &str)]) -> String {
    let (directory, loaded) = load_with(Some(file), env);
    let text = loaded.unwrap_err().to_string();
    text.replace(&format!("{}/", directory.path().display()), "")
}

#[track_caller]
fn check(file: &str, env: &[(&str, &str)], expected: &[&str]) {
    let text = problems(file, env);
    let found: Vec<_> = text.lines().skip(1).map(str::trim).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_defaults_are_a_configuration() {
    let config = load_with(None, &[]).1.unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.http.request_timeout, Duration::from_secs(75));
    assert_eq!(config.http.auth_failures_per_minute.unwrap().get(), 30);
    assert_eq!(config.topup.void_after, Duration::from_secs(24 * 3600));
    assert_eq!(config.topup.fee_percent, "0");
    assert!(config.stripe.settings().is_none());
    let DatabaseUrl::Sqlite(path) = config.database.url else {
        panic!()
    };
    assert_eq!(path, PathBuf::from("farebox.db"));
    let KeySource::File { path, create } = config.security.key else {
        panic!()
    };
    assert_eq!((path, create), (PathBuf::from("farebox.key"), true));
}

#[test]
fn the_default_file_is_a_configuration_file() {
    let config = load(DEFAULTS, &[]);
    assert_eq!(config.http.listen.port(), 8080);
}

#[test]
fn later_sources_go_first() {
    let file = "[http]\nlisten = \"0.0.0.0:1\"\nbody_limit_bytes = 2048\n[log]\nformat = \"json\"";
    let env = [
        ("FAREBOX_HTTP__LISTEN", "0.0.0.0:2"),
        ("FAREBOX_HTTP__METRICS_LISTEN", ""),
        ("FAREBOX_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("FAREBOX_TOPUP__MIN_CENTS", "2000"),
        ("FAREBOX_CONFIG", "elsewhere.toml"),
        ("HOME", "/root"),
    ];
    let config = load(file, &env);
    assert_eq!(config.http.listen.port(), 2);
    assert_eq!(config.http.body_limit_bytes, 2048);
    assert_eq!(config.http.metrics_listen, None);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.topup.min_cents, 2000);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn names_that_do_not_exist_are_told_with_their_neighbours() {
    check(
        "listen = \"x\"\nelephant = 1\n[http]\nlissen = \"x\"\n[lgo]\nlevel = \"info\"\n[topup]\npoll_seconds = 1\nmin_cent = 1",
        &[("FAREBOX_HTTP__LISTNE", "x"), ("FAREBOX__", "x")],
        &[
            "farebox.toml: elephant: there is no such section; did you mean [database]?",
            "farebox.toml: http.lissen: there is no such option; did you mean http.listen?",
            "farebox.toml: lgo: there is no such section; did you mean [log]?",
            "farebox.toml: listen: this option is outside of its section; write it under [http]",
            "farebox.toml: topup.min_cent: there is no such option; did you mean topup.min_cents?",
            "farebox.toml: topup.poll_seconds: there is no such option; did you mean jobs.poll_seconds?",
            "FAREBOX_HTTP__LISTNE: there is no such option; did you mean FAREBOX_HTTP__LISTEN?",
            "FAREBOX__: there is no such option; did you mean FAREBOX_LOG__LEVEL?",
        ],
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let file = r#"
        [http]
        listen = "8080"
        body_limit_bytes = "64k"
        request_timeout_seconds = 60
        trusted_proxies = ["10.0.0.0/8", "proxy"]
        public_url = "ai.example.org"
        [topup]
        currency = "jpy"
        min_cents = 999
        fee_percent = "101"
        [log]
        level = "verbose"
    "#;
    check(
        file,
        &[
            ("FAREBOX_JOBS__POLL_SECONDS", "often"),
            ("FAREBOX_DATABASE__URL", "mysql://root:hush@db/x"),
        ],
        &[
            "farebox.toml: http.body_limit_bytes: the value has the wrong type; write a whole number without quotes",
            "FAREBOX_JOBS__POLL_SECONDS: jobs.poll_seconds: the value has the wrong type; write a whole number without quotes",
            "FAREBOX_DATABASE__URL: database.url: the URL cannot be used; write \"sqlite://farebox.db\" or \"postgres://user:password@host/name\"",
            "farebox.toml: http.listen: \"8080\" cannot be used; write an address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
            "farebox.toml: http.public_url: \"ai.example.org\" cannot be used; write an address such as \"https://ai.example.org\"",
            "farebox.toml: http.request_timeout_seconds: 60 is out of bounds; write a number from 61 to 3600",
            "farebox.toml: http.trusted_proxies: \"proxy\" is not an IP address or network; write an address or a network such as \"10.0.0.0/8\"",
            "farebox.toml: topup.min_cents: 999 is out of bounds; write a number from 1000 to 99999999",
            "farebox.toml: topup.currency: \"jpy\" cannot be used; write a currency that has cents in lower case, such as \"usd\" or \"eur\"",
            "farebox.toml: topup.fee_percent: \"101\" cannot be used; write a number from 0 to 100 such as \"2.75\"",
            "farebox.toml: log.level: \"verbose\" cannot be used; write \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        ],
    );
}

#[test]
fn the_largest_topup_is_not_below_the_smallest() {
    check(
        "[topup]\nmin_cents = 5000\nmax_cents = 4000",
        &[],
        &[
            "farebox.toml: topup.max_cents: the largest top-up is smaller than the smallest; raise it or lower topup.min_cents",
        ],
    );
}

#[test]
fn ceilings_of_automatic_topups_go_together() {
    check(
        "[topup]\nmin_cents = 30000\n[auto_topup]\nday_max_cents = 20000\nmonth_max_cents = 10000\n\
         day_max_count = 5\nmonth_max_count = 4\ncool_down_seconds = 1\nretry_after_seconds = 60",
        &[],
        &[
            "farebox.toml: auto_topup.cool_down_seconds: 1 is out of bounds; write a number from 10 to 86400",
            "farebox.toml: auto_topup.retry_after_seconds: 60 is out of bounds; write a number from 600 to 604800",
            "farebox.toml: auto_topup.month_max_cents: a month's is smaller than a day's; raise it or lower auto_topup.day_max_cents",
            "farebox.toml: auto_topup.month_max_count: a month's is smaller than a day's; raise it or lower auto_topup.day_max_count",
            "farebox.toml: auto_topup.day_max_cents: not even the smallest top-up could be made; raise it to topup.min_cents, or set auto_topup.day_max_count to 0 to have none",
        ],
    );
}

#[test]
fn a_broken_file_names_its_line_and_not_its_secret() {
    let text = problems("[stripe]\n\nsecret_key = sk_live_hush\n", &[]);
    assert!(text.contains("line 3 is not TOML"), "{text}");
    assert!(!text.contains("hush"), "{text}");
    let missing = Config::load(Some(Path::new("/nowhere/farebox.toml")), std::iter::empty());
    assert!(missing.unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn no_secret_is_printed_right_or_wrong() {
    let file = "[stripe]\nsecret_key = \"sk_test_hush\"\nwebhook_secrets = [\"whsec_hush\"]\n\
                [database]\nurl = \"postgres://u:hush@db/x\"";
    let config = load(file, &[("FAREBOX_SECURITY__KEY", &"ab".repeat(32))]);
    let printed = format!("{config:?} {:?}", config.stripe.settings());
    assert!(
        !printed.contains("hush") && !printed.contains("171"),
        "{printed}"
    );
    assert!(matches!(config.database.url, DatabaseUrl::Postgres(_)));
    let wrong = problems(
        "[stripe]\nsecret_key = \"hush\"\nwebhook_secrets = [1, \"hush\"]\n[security]\nkey = \"hush\"",
        &[],
    );
    assert!(!wrong.contains("hush"), "{wrong}");
    assert_eq!(wrong.lines().count(), 4, "{wrong}");
}

#[test]
fn a_live_key_stays_away_from_sandboxes() {
    let file = "[stripe]\nsecret_key = \"sk_live_1\"\nbase_url = \"http://127.0.0.1:4000\"";
    check(
        file,
        &[],
        &[
            "farebox.toml: stripe.base_url: a live stripe key is sent only over https and never to this machine itself; \
           write \"https://api.stripe.com\", or use a test key here",
        ],
    );
    let config = load(&file.replace("live", "test"), &[]);
    assert_eq!(
        config.stripe.settings().unwrap().base_url,
        "http://127.0.0.1:4000"
    );
    check(
        "[stripe]\nbase_url = \"stripe\"",
        &[],
        &[
            "farebox.toml: stripe.base_url: the stripe base URL is not an absolute http or https URL; write \"https://api.stripe.com\"",
        ],
    );
}

#[test]
fn paths_begin_at_the_file() {
    let (directory, loaded) = load_with(Some("[database]\nurl = \"sqlite://data/f.db\""), &[]);
    let config = loaded.unwrap();
    let DatabaseUrl::Sqlite(path) = config.database.url else {
        panic!()
    };
    assert_eq!(path, directory.path().join("data/f.db"));
    let KeySource::File { path, .. } = config.security.key else {
        panic!()
    };
    assert_eq!(path, directory.path().join("farebox.key"));
    let absolute = load("[database]\nurl = \"sqlite:///var/lib/f.db\"", &[]);
    let DatabaseUrl::Sqlite(path) = absolute.database.url else {
        panic!()
    };
    assert_eq!(path, PathBuf::from("/var/lib/f.db"));
}

#[test]
fn books_are_not_kept_in_memory() {
    for url in [
        "sqlite://",
        "sqlite://:memory:",
        "sqlite::memory:",
        "sqlite://f.db?mode=memory",
        "farebox.db",
        "",
    ] {
        let text = problems(&format!("[database]\nurl = \"{url}\""), &[]);
        assert!(
            text.contains("database.url: the URL cannot be used"),
            "{url}: {text}"
        );
    }
}

#[test]
fn secrets_come_from_files_too() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("key", "  sk_test_1\n");
    write("hooks", "whsec_1\n\n whsec_2 \n");
    write("url", "postgres://u:p@db/x\n");
    write("empty", "\n");
    let file = directory.path().join("farebox.toml");
    write(
        "farebox.toml",
        "[stripe]\nsecret_key_file = \"key\"\nwebhook_secrets_file = \"hooks\"\n[database]\nurl_file = \"url\"",
    );
    let config = Config::load(Some(&file), std::iter::empty()).unwrap();
    assert_eq!(
        config.stripe.secret_key.unwrap().expose_secret(),
        "sk_test_1"
    );
    let hooks: Vec<_> = config
        .stripe
        .webhook_secrets
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(hooks, ["whsec_1", "whsec_2"]);
    let DatabaseUrl::Postgres(url) = &config.database.url else {
        panic!()
    };
    assert_eq!(url.expose_secret(), "postgres://u:p@db/x");
    // Several nodes share this database, so none may make up a key.
    assert!(matches!(
        config.security.key,
        KeySource::File { create: false, .. }
    ));

    for name in ["empty", "missing"] {
        let env = [(
            "FAREBOX_STRIPE__SECRET_KEY_FILE".to_owned(),
            name.to_owned(),
        )];
        let error = Config::load(Some(&file), env.into_iter())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("FAREBOX_STRIPE__SECRET_KEY_FILE: stripe.secret_key_file: "),
            "{error}"
        );
    }
}

#[test]
fn of_a_secret_and_its_file_the_later_source_counts() {
    let both = "[stripe]\nsecret_key = \"sk_test_1\"\nsecret_key_file = \"key\"";
    check(
        both,
        &[],
        &[
            "farebox.toml: stripe.secret_key_file: both stripe.secret_key and stripe.secret_key_file are given; \
           keep one of them and leave the other empty",
        ],
    );
    let file = "[stripe]\nsecret_key_file = \"missing\"";
    let config = load(file, &[("FAREBOX_STRIPE__SECRET_KEY", "sk_test_2")]);
    assert_eq!(
        config.stripe.secret_key.unwrap().expose_secret(),
        "sk_test_2"
    );
    let config = load(
        "[security]\nkey_file = \"x\"",
        &[("FAREBOX_SECURITY__KEY", &"0f".repeat(32))],
    );
    let key = load_or_create_key(&config.security.key).unwrap();
    assert_eq!(key.expose_secret(), &[0x0f; 32]);
}

#[test]
fn providers_that_the_operator_runs() {
    let file = r#"
        [providers]
        keys = ["openai=sk-1"]
        [providers.our-llama]
        base_url = "http://10.0.0.5:8000/v1/"
        dialect = "llama.cpp"
        allow_private_address = true
        headers = ["X-Team: blue"]
        models = ["smollm2"]
    "#;
    let env = [
        ("FAREBOX_PROVIDERS__OUR_LLAMA__CONTEXT_TOKENS", "4096"),
        (
            "FAREBOX_PROVIDERS__VLLM__BASE_URL",
            "https://vllm.example.org",
        ),
        ("FAREBOX_PROVIDERS__VLLM__KEYS", "one,two"),
    ];
    let providers = load(file, &env).providers;
    assert_eq!(providers.keys.len(), 1);
    let names: Vec<_> = providers.operated.keys().collect();
    assert_eq!(names, ["our-llama", "vllm"]);
    let llama = &providers.operated["our-llama"];
    assert_eq!(llama.base_url, "http://10.0.0.5:8000/v1/");
    assert_eq!(llama.dialect, wire::Dialect::LLAMA_CPP);
    assert_eq!(llama.context_tokens, Some(4096));
    assert_eq!(llama.headers["x-team"], "blue");
    let vllm = &providers.operated["vllm"];
    assert_eq!(vllm.dialect, wire::Dialect::COMPATIBLE);
    assert_eq!(vllm.keys.len(), 2);
    assert!(!vllm.allow_private_address && !vllm.customer_keys);
    assert!(load(DEFAULTS, &[]).providers.operated.is_empty());
}

#[test]
fn what_is_wrong_with_a_provider_of_the_operators() {
    check(
        "[providers.vllm]\nbase_url = \"vllm\"\ndialect = \"vlm\"\nkesy = []\nmodels = 1\n[providers.Big]\nbase_url = \"http://a\"",
        &[("FAREBOX_PROVIDERS__VLLM__HEADERS", "no header")],
        &[
            "farebox.toml: providers.vllm.kesy: there is no such option; did you mean providers.vllm.keys?",
            "farebox.toml: providers.vllm.models: the value has the wrong type; write a list of texts, such as [\"a\", \"b\"]",
            "farebox.toml: providers.Big.base_url: \"Big\" can't be a provider's name; write lower-case letters, digits and -, a letter first, at most 40; not compat, nor custom-… at the beginning",
            "farebox.toml: providers.vllm.base_url: \"vllm\" cannot be used; write the server's address, such as http://10.0.0.5:8000/v1",
            "farebox.toml: providers.vllm.dialect: \"vlm\" cannot be used; write one of openai-compatible, openai, anthropic, gemini, llama.cpp, vllm",
            "FAREBOX_PROVIDERS__VLLM__HEADERS: providers.vllm.headers: one entry is no header; write x-team: blue",
        ],
    );
}
