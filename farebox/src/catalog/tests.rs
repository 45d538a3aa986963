//! The compiled-in prices, and how the layers go before each other.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use ledger::rates::Markup;
use ledger::{Terms, Timestamp, Unit};
use tempfile::TempDir;

use super::*;

fn built_in() -> Catalog {
    Catalog::open("usd", None).unwrap()
}

fn now() -> Timestamp {
    read::moment("2026-11-24").unwrap()
}

/// A file of the operator's.
fn operators(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prices.json");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn input(catalog: &Catalog, provider: &str, name: &str) -> String {
    match catalog.find(provider, name) {
        Ok(model) => {
            let card = model.card(now(), &Terms::new()).unwrap();
            let rate = card.rate(Unit::Input);
            rate.map_or_else(String::new, |(_, rate)| published(Unit::Input, rate))
        }
        Err(error) => error.why.unwrap_or_else(|| "unknown".to_owned()),
    }
}

#[test]
fn the_compiled_in_lists_are_whole_and_written_as_the_program_writes_them() {
    for text in [GENAI_PRICES, CORRECTIONS] {
        let file = PriceFile::parse(text).unwrap();
        read::layer(&file, None).unwrap();
        assert_eq!(file.to_text().unwrap(), text);
    }
    let catalog = built_in();
    for provider in providers() {
        assert!(
            !catalog.models(provider.slug).is_empty(),
            "{}",
            provider.slug
        );
    }
    let corrections = PriceFile::parse(CORRECTIONS).unwrap();
    for (provider, list) in &corrections.providers {
        for entry in &list.models {
            assert!(
                entry.why.is_some(),
                "{provider}/{} says no reason",
                entry.id
            );
        }
    }
}

/// A correction of something that the list no longer has is to be thrown out.
#[test]
fn every_correction_corrects_something() {
    let genai = read::layer(&PriceFile::parse(GENAI_PRICES).unwrap(), None).unwrap();
    let corrections = PriceFile::parse(CORRECTIONS).unwrap();
    for (provider, list) in &corrections.providers {
        let known = genai.list(provider).unwrap();
        for entry in &list.models {
            let model = Arc::new(read::model("-", provider, entry).unwrap());
            let mut one = layer::List::default();
            one.add(model.clone(), &entry.names);
            let theirs = known.models().iter().map(|model| model.id.to_lowercase());
            let id = [entry.id.clone()];
            let ours = entry
                .names
                .iter()
                .chain(&id)
                .map(|name| name.replace('*', ""));
            let meant = theirs.into_iter().any(|name| one.find(&name).is_some())
                || ours
                    .into_iter()
                    .any(|name| known.find(&name.to_lowercase()).is_some());
            // Azure's list is other lists as well; what is free has no price in theirs.
            let beside =
                provider == "azure-openai" || input(&built_in(), provider, &entry.id) == "0";
            assert!(meant || beside, "{provider}/{}", entry.id);
        }
    }
}

#[test]
fn the_operators_prices_go_before_the_compiled_in_ones() {
    let (_dir, path) = operators(
        r#"{"source":"ours","providers":{
            "openai":{"models":[
                {"id":"gpt-4o","match":["gpt-4o","gpt-4o-2024-08-06"],"prices":[{"rates":{"input":"2","output":"9"}}]},
                {"id":"gpt-5*","match":["gpt-5-*"],"why":"not sold here","prices":[]}]},
            "custom-ours":{"also":["together"],"models":[{"id":"m","prices":[{"rates":{"input":"1"}}]}]}}}"#,
    );
    let catalog = Catalog::open("usd", Some(&path)).unwrap();
    assert_eq!(input(&catalog, "openai", "gpt-4o"), "2");
    assert_eq!(input(&catalog, "openai", "GPT-4o-2024-08-06"), "2");
    assert_eq!(input(&catalog, "openai", "gpt-4o-2024-11-20"), "2.5");
    assert_eq!(input(&catalog, "openai", "gpt-5-mini"), "not sold here");
    assert_eq!(input(&catalog, "openai", "gpt-5"), "1.25");
    assert_eq!(input(&catalog, "custom-ours", "m"), "1");
    // What its list doesn't have is looked for in another's, and is its own then.
    let lent = catalog.find("custom-ours", "Qwen/Qwen3.5-9B").unwrap();
    let own = catalog.find("together", "Qwen/Qwen3.5-9B").unwrap();
    assert_eq!((lent.provider.as_str(), &lent.id), ("custom-ours", &own.id));
    assert_eq!(catalog.sources(), ["ours", "farebox", "genai-prices-0.2.3"]);
    let version = catalog
        .find("openai", "gpt-4o")
        .unwrap()
        .version(Markup::NONE);
    assert!(version.starts_with("ours:"), "{version}");
}

#[test]
fn what_has_no_price_says_how_to_add_one() {
    let catalog = built_in();
    let unknown = catalog.find("openai", "GPT-9").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no price for openai/GPT-9. The operator can add one to the file that [prices] file \
         names, by hand or with `farebox prices import`. With your own provider key a call needs no price."
    );
    let left_out = catalog.find("deepseek", "deepseek-chat").unwrap_err();
    assert!(
        left_out.to_string().contains("(the name has moved on: "),
        "{left_out}"
    );
    assert!(catalog.find("nobody", "gpt-4o").is_err());
    assert!(catalog.find("custom-x", "gpt-4o").is_err());
}

#[test]
fn dollars_are_not_sold_for_euros() {
    assert!(
        Catalog::open("eur", None)
            .unwrap()
            .find("openai", "gpt-4o")
            .is_err()
    );
    let dollars = r#"{"source":"x","providers":{}}"#;
    let (_dir, path) = operators(dollars);
    let error = Catalog::open("eur", Some(&path)).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "its prices are in usd, and the ledger's currency ([topup] currency) is eur"
        ),
        "{error}"
    );
    let (_dir, path) = operators(
        r#"{"source":"x","currency":"eur","providers":{"openai":{"models":[
            {"id":"gpt-4o","prices":[{"rates":{"input":"2.3"}}]}]}}}"#,
    );
    let catalog = Catalog::open("eur", Some(&path)).unwrap();
    assert_eq!(input(&catalog, "openai", "gpt-4o"), "2.3");
    assert_eq!(input(&catalog, "openai", "gpt-5"), "unknown");
}

#[test]
fn a_file_that_can_not_be_used_is_named() {
    let (_dir, path) = operators(
        r#"{"source":"x","providers":{"openai":{"models":[{"id":"m","prices":[{"rates":{"inptu":"1"}}]}]}}}"#,
    );
    let error = Catalog::open("usd", Some(&path)).unwrap_err().to_string();
    let expected = format!(
        "{}: openai/m: there is no unit \"inptu\": input",
        path.display()
    );
    assert!(error.starts_with(&expected), "{error}");
    let twice = r#"{"id":"m","why":"-","prices":[]}"#;
    let (_dir, twice) = operators(&format!(
        r#"{{"source":"x","providers":{{"openai":{{"models":[{twice},{twice}]}}}}}}"#
    ));
    let error = Catalog::open("usd", Some(&twice)).unwrap_err().to_string();
    assert!(
        error.ends_with("openai/m: it stands there twice"),
        "{error}"
    );
    let missing = path.with_file_name("missing.json");
    let error = Catalog::open("usd", Some(&missing))
        .unwrap_err()
        .to_string();
    assert!(error.contains("missing.json: No such file"), "{error}");
}

#[test]
fn a_running_catalogue_follows_its_file() {
    let price = |price: &str| {
        format!(
            r#"{{"source":"x","providers":{{"openai":{{"models":[{{"id":"m","prices":[{{"rates":{{"input":"{price}"}}}}]}}]}}}}}}"#
        )
    };
    let (_dir, path) = operators(&price("1"));
    let live = Live::open("usd", Some(path.clone())).unwrap();
    let held = live.current();
    let seconds = |seconds| SystemTime::now() + Duration::from_secs(seconds);
    // The clock of a file system is coarse: each version gets a time of its own.
    let write = |text: &str, at| {
        std::fs::write(&path, text).unwrap();
        std::fs::File::open(&path)
            .unwrap()
            .set_modified(at)
            .unwrap();
    };
    assert_eq!(live.reload(), Ok(Reloaded::Unchanged));
    write(&price("2"), seconds(10));
    assert_eq!(live.reload(), Ok(Reloaded::Changed));
    assert_eq!(input(&live.current(), "openai", "m"), "2");
    assert_eq!(
        input(&held, "openai", "m"),
        "1",
        "a call keeps what it began with"
    );
    write("{", seconds(20));
    assert!(live.reload().is_err());
    assert_eq!(live.reload(), Ok(Reloaded::Unchanged), "told once");
    assert_eq!(input(&live.current(), "openai", "m"), "2");
    write(&price("3"), seconds(30));
    assert_eq!(live.reload(), Ok(Reloaded::Changed));
    assert_eq!(input(&live.current(), "openai", "m"), "3");
}

#[test]
fn what_is_in_the_books_is_found_again() {
    let catalog = built_in();
    for layer in &catalog.layers {
        for (provider, list) in layer.lists() {
            for model in list
                .models()
                .iter()
                .filter(|model| model.tariff().is_some())
            {
                let found = catalog.of_id(provider, &model.id).unwrap();
                let corrections = catalog.layers[0].list(provider);
                let corrected = corrections.is_some_and(|list| list.models().contains(&found));
                assert!(found.id == model.id || corrected, "{provider}/{}", model.id);
                // One that is called by its id is found as by its name.
                let by_name = catalog.find(provider, &model.id);
                let is_own = by_name.as_ref().is_ok_and(|by_name| by_name.id == model.id);
                assert!(
                    !is_own || found.tariff().is_some(),
                    "{provider}/{}",
                    model.id
                );
            }
        }
    }
    let (_dir, path) = operators(
        r#"{"source":"ours","providers":{
            "fireworks":{"models":[{"id":"mine","match":["accounts/fireworks/models/glm-5p3"],"prices":[{"rates":{"input":"9","output":"9"}}]}]},
            "openai":{"models":[{"id":"all","match":["gpt-4o*"],"prices":[{"rates":{"input":"8","output":"9"}}]}]},
            "custom-x":{"also":["openai"],"models":[]}}}"#,
    );
    let catalog = Catalog::open("usd", Some(&path)).unwrap();
    for (provider, id, expected) in [
        ("fireworks", "glm-5p3", Some("mine")),
        ("fireworks", "glm-5p2", Some("glm-5p2")),
        ("openai", "gpt-4o-mini", Some("all")),
        ("custom-x", "gpt-4.1", Some("gpt-4.1")),
        ("custom-x", "nothing", None),
    ] {
        let found = catalog.of_id(provider, id);
        assert_eq!(
            found.map(|model| model.id.clone()).as_deref(),
            expected,
            "{id}"
        );
    }
}
