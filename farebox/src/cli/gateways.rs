//! `farebox gateways`: what is set on an account's gateways, on the command line.

use std::path::Path;

use api::{
    CreateGateway, Gateway, GatewayChange, GatewayCreateParams, GatewayEditParams,
    GatewayListParams, GatewayParams, GatewaySettings, SpendLimits, UrlParams,
};

use crate::cli::Failure;
use crate::cli::args::{ClientArgs, GatewayArgs, GatewaysArgs, GatewaysCommand, SettingsArgs};
use crate::cli::client::{client, print};

pub(super) async fn run(args: GatewaysArgs) -> Result<(), Failure> {
    match args.command {
        GatewaysCommand::List {
            search,
            page,
            client,
        } => {
            let params = GatewayListParams {
                account_id: client.account.clone(),
                search,
                page: page.page,
                per_page: page.per_page,
            };
            list(params, &client).await
        }
        GatewaysCommand::Create {
            id,
            settings,
            client,
        } => create(id, *settings, &client).await,
        GatewaysCommand::Get(args) => {
            let client = client(&args.client)?;
            let found = client.ai_gateway().get(params(&args)).await;
            print(&found.map_err(Failure::new)?, args.client.json)
        }
        GatewaysCommand::Update {
            id,
            settings,
            unset,
            client,
        } => {
            let set = read(*settings)?;
            change(id, GatewayChange { set, unset }, &client).await
        }
        GatewaysCommand::Delete(args) => {
            let client = client(&args.client)?;
            let removed = client.ai_gateway().delete(params(&args)).await;
            print(&removed.map_err(Failure::new)?, args.client.json)
        }
        GatewaysCommand::Url {
            id,
            provider,
            client,
        } => url(id, provider, &client).await,
    }
}

fn params(args: &GatewayArgs) -> GatewayParams {
    GatewayParams {
        account_id: args.client.account.clone(),
        gateway_id: args.id.clone(),
    }
}

async fn list(params: GatewayListParams, args: &ClientArgs) -> Result<(), Failure> {
    let client = client(args)?;
    let found = client.ai_gateway().list(params).await;
    let gateways = found.map_err(Failure::new)?;
    if args.json {
        return print(&gateways, true);
    }
    for gateway in &gateways {
        println!("{}", line(gateway));
    }
    Ok(())
}

fn line(gateway: &Gateway) -> String {
    let word = |is_on: bool, word: &'static str| is_on.then_some(word);
    let words = [
        word(gateway.authentication, "authentication"),
        word(gateway.collect_logs, "logs"),
        word(gateway.byok_only, "own keys only"),
        word(gateway.is_default, "default"),
    ];
    let words: Vec<_> = words.into_iter().flatten().collect();
    let (created_at, id) = (&gateway.created_at, &gateway.id);
    format!("{created_at}  {id}  {}", words.join(", "))
}

async fn create(id: String, settings: SettingsArgs, args: &ClientArgs) -> Result<(), Failure> {
    let mut settings = read(settings)?;
    // What `POST` wants to be told.
    settings.cache_ttl.get_or_insert(0);
    settings.cache_invalidate_on_update.get_or_insert(false);
    settings.collect_logs.get_or_insert(true);
    settings.rate_limiting_interval.get_or_insert(0);
    settings.rate_limiting_limit.get_or_insert(0);
    let params = GatewayCreateParams {
        account_id: args.account.clone(),
        gateway: CreateGateway { id, settings },
    };
    let made = client(args)?.ai_gateway().create(params).await;
    print(&made.map_err(Failure::new)?, args.json)
}

async fn change(id: String, change: GatewayChange, args: &ClientArgs) -> Result<(), Failure> {
    if change == GatewayChange::default() {
        return Err(Failure::new(
            "nothing to change: see --help for what can be set",
        ));
    }
    let params = GatewayEditParams {
        account_id: args.account.clone(),
        gateway_id: id,
        change,
    };
    let changed = client(args)?.ai_gateway().edit(params).await;
    print(&changed.map_err(Failure::new)?, args.json)
}

async fn url(id: String, provider: String, args: &ClientArgs) -> Result<(), Failure> {
    let params = UrlParams {
        account_id: args.account.clone(),
        gateway_id: id,
        provider,
    };
    let client = client(args)?;
    let found = client.ai_gateway().urls().get(params).await;
    let url = found.map_err(Failure::new)?;
    match args.json {
        true => print(&url, true),
        false => {
            println!("{url}");
            Ok(())
        }
    }
}

fn read(args: SettingsArgs) -> Result<GatewaySettings, Failure> {
    Ok(GatewaySettings {
        cache_ttl: args.cache_ttl,
        cache_invalidate_on_update: args.cache_invalidate_on_update,
        collect_logs: args.collect_logs,
        log_management: args.log_management,
        log_management_strategy: args.log_management_strategy.map(Into::into),
        rate_limiting_limit: args.rate_limiting_limit,
        rate_limiting_interval: args.rate_limiting_interval,
        rate_limiting_technique: args.rate_limiting_technique.map(Into::into),
        authentication: args.authentication,
        byok_only: args.byok_only,
        zdr: args.zdr,
        clamp_max_tokens: args.clamp_max_tokens,
        retry_max_attempts: args.retry_max_attempts,
        retry_delay: args.retry_delay,
        retry_backoff: args.retry_backoff.map(Into::into),
        store_id: None,
        spend_limits: args.spend_limits.as_deref().map(limits).transpose()?,
    })
}

fn limits(file: &Path) -> Result<SpendLimits, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(format!("{} can't be read: {error}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}
