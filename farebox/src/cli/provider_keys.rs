//! `farebox provider-keys`: keys for providers that are stored on a gateway, on the command line.

use api::{
    CreateProviderConfig, ProviderConfig, ProviderConfigCreateParams, ProviderConfigListParams,
    ProviderConfigParams,
};

use crate::cli::args::{AtArgs, PageArgs, ProviderKeysArgs, ProviderKeysCommand};
use crate::cli::client::{client, print};
use crate::cli::{Failure, secret};

pub(super) async fn run(args: ProviderKeysArgs) -> Result<(), Failure> {
    match args.command {
        ProviderKeysCommand::List { page, at } => list(&page, &at).await,
        ProviderKeysCommand::Add {
            provider,
            alias,
            default,
            secret_file,
            at,
        } => {
            let config = CreateProviderConfig {
                provider_slug: provider,
                alias,
                default_config: default,
                secret: Some(secret::read(secret_file.as_deref(), "key")?),
            };
            add(config, &at).await
        }
        ProviderKeysCommand::Remove { id, at } => remove(id, &at).await,
    }
}

async fn list(page: &PageArgs, at: &AtArgs) -> Result<(), Failure> {
    let params = ProviderConfigListParams {
        account_id: at.client.account.clone(),
        gateway_id: at.gateway.clone(),
        page: page.page,
        per_page: page.per_page,
    };
    let client = client(&at.client)?;
    let found = client.ai_gateway().provider_configs().list(params).await;
    let keys = found.map_err(Failure::new)?;
    if at.client.json {
        return print(&keys, true);
    }
    for key in &keys {
        println!("{}", line(key));
    }
    Ok(())
}

fn line(key: &ProviderConfig) -> String {
    let default = if key.default_config { "  default" } else { "" };
    format!(
        "{}  {}  {}  {}  {}{default}",
        key.modified_at, key.id, key.provider_slug, key.alias, key.secret_preview
    )
}

async fn add(config: CreateProviderConfig, at: &AtArgs) -> Result<(), Failure> {
    let params = ProviderConfigCreateParams {
        account_id: at.client.account.clone(),
        gateway_id: at.gateway.clone(),
        config,
    };
    let client = client(&at.client)?;
    let stored = client.ai_gateway().provider_configs().create(params).await;
    print(&stored.map_err(Failure::new)?, at.client.json)
}

async fn remove(id: String, at: &AtArgs) -> Result<(), Failure> {
    let params = ProviderConfigParams {
        account_id: at.client.account.clone(),
        gateway_id: at.gateway.clone(),
        config_id: id,
    };
    let client = client(&at.client)?;
    let removed = client.ai_gateway().provider_configs().delete(params).await;
    print(&removed.map_err(Failure::new)?, at.client.json)
}
