//! `farebox custom-providers`: providers of an account's own, on the command line.

use api::{
    CreateCustomProvider, CustomProvider, CustomProviderCreateParams, CustomProviderEditParams,
    CustomProviderListParams, CustomProviderParams, UpdateCustomProvider,
};

use crate::cli::args::{
    ClientArgs, CustomProviderArgs, CustomProvidersArgs, CustomProvidersCommand, ToldArgs,
};
use crate::cli::client::{client, print};
use crate::cli::{Failure, secret};

pub(super) async fn run(args: CustomProvidersArgs) -> Result<(), Failure> {
    match args.command {
        CustomProvidersCommand::List {
            search,
            enable,
            page,
            client,
        } => {
            let params = CustomProviderListParams {
                account_id: client.account.clone(),
                search,
                enable,
                page: page.page,
                per_page: page.per_page,
                ..Default::default()
            };
            list(params, &client).await
        }
        CustomProvidersCommand::Create { slug, told, client } => {
            let settings = read(told)?;
            create(CreateCustomProvider { slug, settings }, &client).await
        }
        CustomProvidersCommand::Get(args) => {
            let client = client(&args.client)?;
            let providers = client.ai_gateway().custom_providers();
            let found = providers.get(params(&args)).await.map_err(Failure::new)?;
            print(&found, args.client.json)
        }
        CustomProvidersCommand::Update { id, told, client } => {
            change(id, read(told)?, &client).await
        }
        CustomProvidersCommand::Delete(args) => {
            let client = client(&args.client)?;
            let providers = client.ai_gateway().custom_providers();
            let removed = providers.delete(params(&args)).await;
            print(&removed.map_err(Failure::new)?, args.client.json)
        }
    }
}

fn params(args: &CustomProviderArgs) -> CustomProviderParams {
    CustomProviderParams {
        account_id: args.client.account.clone(),
        provider_id: args.id.clone(),
    }
}

fn read(args: ToldArgs) -> Result<UpdateCustomProvider, Failure> {
    let headers = args.headers_file.as_deref();
    let headers = headers.map(|file| secret::read(Some(file), "object of headers"));
    Ok(UpdateCustomProvider {
        name: args.name,
        base_url: args.provider_url,
        enable: args.enable,
        description: args.description,
        headers: headers.transpose()?,
        ..Default::default()
    })
}

async fn list(params: CustomProviderListParams, args: &ClientArgs) -> Result<(), Failure> {
    let client = client(args)?;
    let found = client.ai_gateway().custom_providers().list(params).await;
    let providers = found.map_err(Failure::new)?;
    if args.json {
        return print(&providers, true);
    }
    for provider in &providers {
        println!("{}", line(provider));
    }
    Ok(())
}

fn line(provider: &CustomProvider) -> String {
    let state = if provider.enable { "" } else { "  not enabled" };
    format!(
        "{}  {}  {}  {}{state}",
        provider.id, provider.slug, provider.base_url, provider.name
    )
}

async fn create(provider: CreateCustomProvider, args: &ClientArgs) -> Result<(), Failure> {
    let params = CustomProviderCreateParams {
        account_id: args.account.clone(),
        provider,
    };
    let client = client(args)?;
    let made = client.ai_gateway().custom_providers().create(params).await;
    print(&made.map_err(Failure::new)?, args.json)
}

async fn change(
    id: String,
    change: UpdateCustomProvider,
    args: &ClientArgs,
) -> Result<(), Failure> {
    if change == UpdateCustomProvider::default() {
        return Err(Failure::new(
            "nothing to change: see --help for what can be told",
        ));
    }
    let params = CustomProviderEditParams {
        account_id: args.account.clone(),
        provider_id: id,
        change,
    };
    let client = client(args)?;
    let changed = client.ai_gateway().custom_providers().edit(params).await;
    print(&changed.map_err(Failure::new)?, args.json)
}
