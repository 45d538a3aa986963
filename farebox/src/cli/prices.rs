//! `farebox prices`: what models cost, and where that differs from another list.

use std::io::Write;
use std::path::{Path, PathBuf};

use ledger::Timestamp;
use serde_json::{Value, json};

use crate::app::system_clock;
use crate::catalog::diff::{self, Difference, Kind};
use crate::catalog::edit;
use crate::catalog::import::{self, Imported};
use crate::catalog::{self, Catalog, NOTICE};
use crate::cli::args::{ConfigArgs, ListArgs, PricesArgs, PricesCommand};
use crate::cli::{Failure, price_list, serve};
use crate::config::ProvidersConfig;

pub(super) fn run(args: PricesArgs) -> Result<(), Failure> {
    let (config, json) = (args.output.config, args.output.json);
    match args.command {
        PricesCommand::Show { model, at } => {
            show(&open(&config)?, model.as_deref(), time(at), json)
        }
        PricesCommand::Set {
            model,
            input,
            output,
            cache_read,
            rate,
            to,
        } => {
            let named = [
                ("input", input),
                ("output", output),
                ("cache_read", cache_read),
            ];
            set(&config, &model, rates(named, &rate)?, to, json)
        }
        PricesCommand::Diff { list } => compare(&config, &list, json),
        PricesCommand::Import {
            list,
            all,
            to,
            source,
        } => take_over(&config, &list, all, to, source, json),
    }
}

/// The catalogue as a server with this configuration has it.
pub(super) fn open(config: &ConfigArgs) -> Result<Catalog, Failure> {
    let config = serve::load(config)?;
    let catalog = Catalog::open(&config.topup.currency, config.prices.file.as_deref());
    catalog.map_err(|error| Failure::new(format!("[prices] file: {error}")))
}

fn time(at: Option<i64>) -> Timestamp {
    at.map_or_else(|| system_clock()(), Timestamp::from_millis)
}

fn show(catalog: &Catalog, model: Option<&str>, at: Timestamp, json: bool) -> Result<(), Failure> {
    let (value, text) = match model.map(|model| model.split_once('/').unwrap_or((model, ""))) {
        None => price_list::overview(catalog, NOTICE),
        Some((provider, "")) => price_list::provider(catalog, provider, at)?,
        Some((provider, name)) => price_list::model(catalog, provider, name, at)?,
    };
    print(&value, &text, json)
}

fn print(value: &Value, text: &str, json: bool) -> Result<(), Failure> {
    let mut out = super::out::stdout();
    let written = match json {
        true => writeln!(out, "{value}"),
        false => out.write_all(text.as_bytes()),
    };
    written.map_err(Failure::new)
}

/// A list of others, and the catalogue to hold it against.
fn read(
    config: &ConfigArgs,
    list: &ListArgs,
) -> Result<(Catalog, Option<PathBuf>, Imported), Failure> {
    let config = serve::load(config)?;
    // A file that an import has yet to write is none.
    let ours = config.prices.file.as_ref().filter(|file| file.exists());
    let catalog = Catalog::open(&config.topup.currency, ours.map(PathBuf::as_path));
    let text = std::fs::read_to_string(&list.file)
        .map_err(|error| named(&list.file, &error.to_string()))?;
    let mut imported =
        import::read(&text).map_err(|error| named(&list.file, &error.to_string()))?;
    if imported.currency != config.topup.currency {
        let why = format!(
            "its prices are in {}, and the ledger's currency ([topup] currency) is {}",
            imported.currency, config.topup.currency
        );
        return Err(named(&list.file, &why));
    }
    imported.keep(&list.only);
    Ok((catalog.map_err(Failure::new)?, config.prices.file, imported))
}

fn named(file: &Path, why: &str) -> Failure {
    Failure::new(format!("{}: {why}", file.display()))
}

fn compare(config: &ConfigArgs, list: &ListArgs, json: bool) -> Result<(), Failure> {
    let (catalog, _, imported) = read(config, list)?;
    let differences = diff::compare(&catalog, &imported, time(list.at)).map_err(Failure::new)?;
    let (value, text) = price_list::differences(&differences, &imported.left_out);
    print(&value, &text, json)
}

/// The prices of an order by their units' names.
fn rates(
    named: [(&str, Option<String>); 3],
    others: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let named = named
        .into_iter()
        .filter_map(|(unit, price)| Some((unit.to_owned(), price?)));
    let mut rates: Vec<_> = named.collect();
    for other in others {
        let (unit, price) = other.split_once('=').ok_or_else(|| {
            Failure::new(format!(
                "--rate {other}: write the unit and its price, such as web_search=10"
            ))
        })?;
        rates.push((unit.to_owned(), price.to_owned()));
    }
    match rates.is_empty() {
        true => Err(Failure::new(
            "write at least one price, such as --input 0.2 --output 0.8",
        )),
        false => Ok(rates),
    }
}

fn set(
    config: &ConfigArgs,
    model: &str,
    rates: Vec<(String, String)>,
    to: Option<PathBuf>,
    json: bool,
) -> Result<(), Failure> {
    let config = serve::load(config)?;
    let to = to.or(config.prices.file).ok_or_else(|| {
        Failure::new("name a file to write to: [prices] file in the configuration, or --to")
    })?;
    let named_model = model.split_once('/').filter(|(provider, model)| {
        let is_known = catalog::provider(provider).is_some_and(|known| known.slug == *provider);
        let is_operated = config.providers.operated.contains_key(*provider);
        !model.is_empty() && (is_known || is_operated)
    });
    let (provider, name) = named_model.ok_or_else(|| no_model(model, &config.providers))?;
    let set = edit::Set {
        provider: provider.to_owned(),
        model: name.to_owned(),
        rates,
    };
    let into = match to.exists() {
        true => Some(std::fs::read_to_string(&to).map_err(|error| named(&to, &error.to_string()))?),
        false => None,
    };
    let file = edit::set(into.as_deref(), &config.topup.currency, &set);
    let file = file.map_err(|error| named(&to, &error.to_string()))?;
    write(&to, &file).map_err(|error| named(&to, &error.to_string()))?;
    let prices = set
        .rates
        .iter()
        .map(|(unit, price)| format!("{unit} {price}"));
    let text = format!(
        "{model}: {} written to {}\n",
        prices.collect::<Vec<_>>().join(", "),
        to.display()
    );
    let rates: serde_json::Map<_, _> = set
        .rates
        .into_iter()
        .map(|(unit, price)| (unit, price.into()))
        .collect();
    let value = json!({ "provider": set.provider, "model": set.model, "rates": rates, "file": to });
    print(&value, &text, json)
}

fn no_model(model: &str, providers: &ProvidersConfig) -> Failure {
    let known = catalog::providers().iter().map(|known| known.slug);
    let known = known.chain(providers.operated.keys().map(String::as_str));
    Failure::new(format!(
        "{model:?} names no model of a provider: write one as vllm/our-llama, with one of these providers: {}. A \
         server of your own needs its table [providers.NAME] in the configuration first",
        known.collect::<Vec<_>>().join(", ")
    ))
}

fn take_over(
    config: &ConfigArgs,
    list: &ListArgs,
    all: bool,
    to: Option<PathBuf>,
    source: Option<String>,
    json: bool,
) -> Result<(), Failure> {
    let (catalog, ours, imported) = read(config, list)?;
    let to = to.or(ours).ok_or_else(|| {
        Failure::new("name a file to write to: [prices] file in the configuration, or --to")
    })?;
    let source = source.or_else(|| Some(list.file.file_name()?.to_string_lossy().into_owned()));
    let source = source.unwrap_or_default();
    let differences = diff::compare(&catalog, &imported, time(list.at)).map_err(Failure::new)?;
    let (value, mut text) = price_list::differences(&differences, &imported.left_out);
    let taken: Vec<&Difference> = differences
        .iter()
        .filter(|one| all || one.kind != Kind::Same)
        .collect();
    let into = match to.exists() {
        true => Some(std::fs::read_to_string(&to).map_err(|error| named(&to, &error.to_string()))?),
        false => None,
    };
    let file = diff::merge(into.as_deref(), &imported, &taken, &source)
        .map_err(|error| named(&to, &error.to_string()))?;
    write(&to, &file).map_err(|error| named(&to, &error.to_string()))?;
    text.push_str(&format!("{} written to {}\n", taken.len(), to.display()));
    let written = json!({ "changes": value, "written": taken.len(), "file": to });
    print(&written, &text, json)
}

/// All of it or nothing: a server may be reading the file.
fn write(to: &Path, text: &str) -> std::io::Result<()> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    if let Ok(about) = std::fs::metadata(to) {
        std::fs::set_permissions(file.path(), about.permissions())?;
    }
    file.persist(to).map_err(|error| error.error)?;
    Ok(())
}
