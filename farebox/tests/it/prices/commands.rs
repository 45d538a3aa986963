//! `farebox prices` and `farebox markup`, as an operator types them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{printed, run, texts};
use crate::site::told;

/// At a time by which no price changes any more.
const AT: &str = "2026-11-24T12:00:00Z";

struct Here {
    dir: TempDir,
    variables: BTreeMap<String, String>,
}

impl Here {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let variables = [
            ("DATABASE__URL", format!("sqlite://{}", path("farebox.db"))),
            ("SECURITY__KEY_FILE", path("farebox.key")),
            ("PRICES__FILE", path("prices.json")),
        ];
        let named = variables.map(|(name, value)| (format!("FAREBOX_{name}"), value));
        Self {
            variables: named.into_iter().collect(),
            dir,
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn prices(&self) -> PathBuf {
        self.dir.path().join("prices.json")
    }

    async fn printed(&self, args: &[&str]) -> String {
        printed(&run(args, &self.variables).await, 0)
    }

    async fn refused(&self, args: &[&str]) -> String {
        let output = run(args, &self.variables).await;
        let (out, error) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {out}{error}");
        error.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

/// As LiteLLM has them, with what it gets wrong.
const LITELLM: &str = r#"{
    "sample_spec": {"litellm_provider": "one of https://docs.litellm.ai/docs/providers", "input_cost_per_token": 0.0},
    "gpt-4o": {"litellm_provider": "openai", "mode": "chat", "max_tokens": 16384,
        "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06},
    "gpt-5": {"litellm_provider": "openai", "input_cost_per_token": 1.3e-06, "output_cost_per_token": 1e-05,
        "input_cost_per_token_flex": 6.5e-07, "output_cost_per_token_flex": 5e-06,
        "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_high": 0.01}},
    "gpt-7": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "input_cost_per_token_above_200k_tokens": 2e-06,
        "output_cost_per_token": 4.2e-06, "cache_creation_input_token_cost_above_1hr": 2e-6},
    "gpt-8": {"litellm_provider": "openai", "input_cost_per_token": 1e-06},
    "openai/gpt-8": {"litellm_provider": "openai", "input_cost_per_token": 2e-06},
    "openai/gpt-7": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "input_cost_per_token_above_200k_tokens": 2e-06,
        "output_cost_per_token": 4.2e-06, "cache_creation_input_token_cost_above_1hr": 2e-6},
    "gpt-7-search": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "input_cost_per_token_ultrafast": 9e-06,
        "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_high": 0.02}},
    "gpt-7-tiers": {"litellm_provider": "openai", "input_cost_per_token_above_200k_tokens": 1e-06},
    "gpt-7-none": {"litellm_provider": "openai", "max_tokens": 1},
    "whisper-2": {"litellm_provider": "openai", "input_cost_per_second": 0.0001},
    "gpt-7-noise": {"litellm_provider": "openai", "input_cost_per_token": 9.499999999999999e-07},
    "gpt-7-hours": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "off_peak_pricing": {}},
    "gpt-7-pixels": {"litellm_provider": "openai", "input_cost_per_pixel": 1e-08},
    "deepseek/deepseek-chat": {"litellm_provider": "deepseek", "input_cost_per_token": 2.8e-07, "output_cost_per_token": 4.2e-07},
    "xai/grok-9": {"litellm_provider": "xai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
}"#;

#[tokio::test]
async fn prices_are_shown() {
    let here = Here::new();
    here.file("prices.json", r#"{"source":"ours","providers":{}}"#);
    let all = here.printed(&["prices", "show"]).await;
    assert!(all.contains("openai: 9"), "{all}");
    assert!(
        all.contains("from: ours, farebox, genai-prices-0.2.3\n"),
        "{all}"
    );
    assert!(
        all.contains("Copyright (c) Pydantic Services Inc."),
        "{all}"
    );
    let models = here
        .printed(&["prices", "show", "openai", "--at", AT])
        .await;
    assert!(
        models.contains(
            "\ngpt-4o: input 2.5, cache_read 1.25, output 10, web_search 10, file_search 2.5\n"
        ),
        "{models}"
    );
    let one = ["prices", "show", "anthropic/claude-opus-4-6", "--at", AT];
    let mut shown = here.printed(&one).await;
    for other in [
        "groq/whisper-large-v3",
        "deepseek/deepseek-flash",
        "azure-openai/gpt-5",
    ] {
        shown.push('\n');
        shown.push_str(&here.printed(&["prices", "show", other, "--at", AT]).await);
    }
    insta::assert_snapshot!("shown", shown);
    let json = told(&one, &here.variables).await;
    assert_eq!(json["model"], "claude-opus-4-6");
    assert_eq!(
        json["rates"]["input"],
        json!({ "price": "5", "per": "per million" })
    );
    let then = [
        "prices",
        "show",
        "anthropic/claude-opus-4-6",
        "--at",
        "2026-03-12",
    ];
    let json = told(&then, &here.variables).await;
    assert_eq!(json["rates"]["input"]["price"], "5 >200000:10");
    let error = here.refused(&["prices", "show", "openai/gpt-9"]).await;
    assert!(
        error.starts_with("farebox: there is no price for openai/gpt-9. "),
        "{error}"
    );
    let error = here.refused(&["prices", "show", "nobody"]).await;
    assert!(
        error.contains("there is no list of prices for nobody"),
        "{error}"
    );
}

#[tokio::test]
async fn a_list_of_litellms_is_compared_and_taken_over() {
    let here = Here::new();
    let list = here.file("litellm.json", LITELLM);
    let compared = here.printed(&["prices", "diff", &list, "--at", AT]).await;
    insta::assert_snapshot!("litellm", compared);
    assert!(!here.prices().exists(), "a comparison changes nothing");
    let only = here
        .printed(&["prices", "diff", &list, "--only", "grok/*"])
        .await;
    assert!(
        only.ends_with("1 new, 0 changed, 0 the same, 0 left out\n"),
        "{only}"
    );

    let import = [
        "prices",
        "import",
        &list,
        "--at",
        AT,
        "--source",
        "litellm-1.109.1",
    ];
    let done = here.printed(&import).await;
    assert!(done.contains("6 written to "), "{done}");
    insta::assert_snapshot!("written", std::fs::read_to_string(here.prices()).unwrap());
    let shown = told(&["prices", "show", "openai/gpt-7"], &here.variables).await;
    assert_eq!(shown["rates"]["input"]["price"], "1 >200000:2");
    assert!(
        shown["version"]
            .as_str()
            .unwrap()
            .starts_with("litellm-1.109.1:")
    );

    // What is there now counts, so that the same list changes nothing any more.
    let again = here.printed(&["prices", "diff", &list, "--at", AT]).await;
    assert!(again.contains("0 new, 0 changed, 7 the same"), "{again}");
    let dearer = LITELLM.replace("4.2e-06", "5e-06");
    let list = here.file("litellm.json", &dearer);
    let again = told(&["prices", "import", &list, "--at", AT], &here.variables).await;
    let changes = &again["changes"]["changes"];
    let expected = json!([{
        "model": "openai/gpt-7",
        "kind": "changed",
        "rates": [{ "unit": "output", "now": "4.2", "then": "5" }],
        "why": null,
    }]);
    assert_eq!(*changes, expected);
    let text = std::fs::read_to_string(here.prices()).unwrap();
    assert_eq!(text.matches("\"gpt-7\"").count(), 1, "{text}");
    assert!(text.contains("\"source\":\"litellm.json\""), "{text}");
}

/// As the project publishes it, prices as numbers.
const GENAI: &str = r#"[{"id": "x-ai", "name": "X AI", "models": [
    {"id": "grok-9", "match": {"or": [{"equals": "grok-9"}, {"regex": "^grok-9-\\d{8}$"}, {"regex": "grok.9"}]},
     "prices": [{"prices": {"input_mtok": {"base": 1.25, "tiers": [{"start": 199999, "price": 2.5}]}, "output_mtok": 5}},
                {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 1, "output_mtok": 4, "web_searches_kcount": 10}},
                {"constraint": {"start_time": "00:30:00Z", "end_time": "16:30:00Z"}, "prices": {"input_mtok": 2, "output_mtok": 8}}],
     "price_variants": [{"when": {"processing": "batch"}, "constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 0.6}},
                        {"when": {"processing": "batch"}, "prices": {"input_mtok": 0.5}},
                        {"when": {"route": "eu"}, "prices": {"input_mtok": 3}}]},
    {"id": "grok-ocr", "match": {"equals": "grok-ocr"}, "prices": {"input_document_kpages": 1}},
    {"id": "grok-free", "match": {"equals": "grok-free"}, "prices": {}},
    {"id": "grok-voice", "match": {"equals": "grok-voice"}, "prices": {"audio_hours": 3}},
    {"id": "grok-noise", "match": {"equals": "grok-noise"}, "prices": {"input_mtok": 0.0833333333333}},
    {"id": "grok-3", "match": {"or": [{"equals": "grok-3"}, {"equals": "grok-3-latest"}, {"equals": "grok-3-beta"}]},
     "prices": {"input_mtok": 3, "cache_read_mtok": 0.75, "output_mtok": 15}}
]}]"#;

#[tokio::test]
async fn a_list_of_genai_prices_is_compared_and_taken_over() {
    let here = Here::new();
    let list = here.file("data.json", GENAI);
    let compared = here
        .printed(&["prices", "import", &list, "--at", "2026-11-24T20:00:00Z"])
        .await;
    let compared = compared.replace(&here.prices().display().to_string(), "prices.json");
    insta::assert_snapshot!("genai", compared);
    let shown = here
        .printed(&[
            "prices",
            "show",
            "grok/grok-9-20261101",
            "--at",
            "2026-12-24",
        ])
        .await;
    insta::assert_snapshot!("grok_9", shown);
}

#[tokio::test]
async fn what_is_wrong_with_a_list_is_said() {
    let here = Here::new();
    let missing = here.refused(&["prices", "diff", "nowhere.json"]).await;
    assert!(missing.contains("nowhere.json: No such file"), "{missing}");
    for (text, why) in [
        (
            "",
            "list.json: not a list of prices: genai-prices' data.json, LiteLLM's",
        ),
        ("{}", "missing field `source`"),
        ("[{\"id\":1}]", "list.json: not genai-prices' data: "),
        (
            "{\"m\":{\"litellm_provider\":1,\"x\":}}",
            "list.json: not LiteLLM's list: ",
        ),
        (
            r#"{"source":"x","providers":{"openai":{"models":[{"id":"m","prices":[{"rates":{"inptu":"1"}}]}]}}}"#,
            "list.json: openai/m: there is no unit \"inptu\"",
        ),
        (
            r#"{"source":"x","currency":"eur","providers":{}}"#,
            "list.json: its prices are in eur, and the ledger's currency ([topup] currency) is usd",
        ),
    ] {
        let list = here.file("list.json", text);
        let error = here.refused(&["prices", "diff", &list]).await;
        assert!(error.contains(why), "{text}: {error}");
    }
    let mut elsewhere = Here::new();
    elsewhere.variables.remove("FAREBOX_PRICES__FILE");
    let list = elsewhere.file("litellm.json", LITELLM);
    let error = elsewhere.refused(&["prices", "import", &list]).await;
    assert!(
        error.contains("name a file to write to: [prices] file"),
        "{error}"
    );
    // A server doesn't start with prices that it can't read.
    let bad = here.file("prices.json", "{");
    let error = here.refused(&["prices", "show"]).await;
    assert!(
        error.contains("prices.json: not a list of prices"),
        "{error}"
    );
    let mut serve = here.variables.clone();
    serve.insert(
        "FAREBOX_STRIPE__SECRET_KEY".to_owned(),
        "sk_test_x".to_owned(),
    );
    let output = run(&["serve"], &serve).await;
    let (_, error) = texts(&output);
    assert!(
        error.contains(&format!("[prices] file: {bad}: not a list")),
        "{error}"
    );
}

#[tokio::test]
async fn markups_are_set_by_the_names_of_the_catalogue() {
    let here = Here::new();
    let set = ["markup", "set", "5", "--model", "openai"];
    let error = here.refused(&set).await;
    assert!(
        error.starts_with("farebox: [prices] file: prices.json: No such file"),
        "{error}"
    );
    here.file("prices.json", r#"{"source":"ours","providers":{}}"#);
    let create = ["account", "create", "--name", "Research"];
    let account = told(&create, &here.variables).await;
    let account = account["id"].as_str().unwrap();
    let set = ["markup", "set", "-2.5", "--account", account];
    let set = [&set[..], &["--model", "openai/gpt-4o-2024-08-06"]].concat();
    let made = told(&set, &here.variables).await;
    assert_eq!(made["scope"], "openai/gpt-4o");
    assert_eq!(made["percent"], "-2.5");
    assert_eq!(made["account_id"], account);
    let made = told(&["markup", "set", "20"], &here.variables).await;
    assert_eq!(made["scope"], "all");
    assert_eq!(made["account_id"], Value::Null);
    let azure = ["--model", "azure-openai"];
    let set = [&["markup", "set", "30"], &azure[..]].concat();
    told(&set, &here.variables).await;
    let list = told(&["markup", "list"], &here.variables).await;
    assert_eq!(list.as_array().unwrap().len(), 3);
    let remove = [&["markup", "remove"], &azure[..]].concat();
    told(&remove, &here.variables).await;
    for (scope, why) in [
        (
            ["--model", "openai/gpt-9"],
            "there is no price for openai/gpt-9",
        ),
        (["--model", "nobody"], "there are no prices for nobody"),
    ] {
        let set = [&["markup", "set", "5"], &scope[..]].concat();
        let error = here.refused(&set).await;
        assert!(error.contains(why), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_is_set() {
    let mut here = Here::new();
    let base = "FAREBOX_PROVIDERS__VLLM__BASE_URL".to_owned();
    here.variables
        .insert(base, "https://vllm.example.org".to_owned());
    let order = [
        "prices",
        "set",
        "vllm/our-llama",
        "--input",
        "0.2",
        "--output",
        "0.8",
    ];
    let text = here.printed(&order).await;
    assert!(
        text.starts_with("vllm/our-llama: input 0.2, output 0.8 written to "),
        "{text}"
    );
    let other = [
        "prices",
        "set",
        "openai/gpt-4o",
        "--input",
        "3",
        "--rate",
        "output=12",
        "--json",
    ];
    let other: Value = serde_json::from_str(&here.printed(&other).await).unwrap();
    assert_eq!(other["rates"], json!({"input": "3", "output": "12"}));
    let shown = here.printed(&["prices", "show", "vllm/our-llama"]).await;
    assert!(shown.contains("0.2") && shown.contains("0.8"), "{shown}");
    let before = std::fs::read_to_string(here.prices()).unwrap();
    for (args, why) in [
        (vec!["vllm/our-llama"], "at least one price"),
        (vec!["vllm/our-llama", "--input", "cheap"], "input"),
        (vec!["vllm/our-llama", "--rate", "input"], "web_search=10"),
        (vec!["vllm/our-llama", "--rate", "words=1"], "words"),
        (vec!["vlm/our-llama", "--input", "1"], "[providers.NAME]"),
        (vec!["vllm", "--input", "1"], "vllm/our-llama"),
    ] {
        let refused = here
            .refused(&[["prices", "set"].as_slice(), &args].concat())
            .await;
        assert!(refused.contains(why), "{args:?}: {refused}");
    }
    assert_eq!(std::fs::read_to_string(here.prices()).unwrap(), before);
}
