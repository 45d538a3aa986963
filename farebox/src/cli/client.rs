//! `farebox topup` and `farebox balance`: the Rust client on the command line.

use std::time::Duration;

use api::{
    Client, CreditBalanceParams, TopupAccountParams, TopupCreateParams, TopupStatus,
    TopupStatusParams,
};
use serde::Serialize;

use crate::cli::args::{BalanceArgs, ClientArgs, TopupArgs, TopupCommand};
use crate::cli::{Failure, show, topup_config};

pub(super) fn client(args: &ClientArgs) -> Result<Client, Failure> {
    let mut builder = Client::builder().base_url(&args.base_url);
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (
        variable("CLOUDFLARE_API_TOKEN"),
        variable("CLOUDFLARE_EMAIL"),
        variable("CLOUDFLARE_API_KEY"),
    ) {
        (Some(token), ..) => builder = builder.api_token(token),
        (None, Some(email), Some(key)) => builder = builder.api_email(email).api_key(key),
        _ => {
            return Err(Failure::new(
                "no credentials: set CLOUDFLARE_API_TOKEN, or CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY",
            ));
        }
    }
    builder.build().map_err(Failure::new)
}

pub(super) fn print(answer: &impl Serialize, json: bool) -> Result<(), Failure> {
    // As text all the way: a number of cents must not pass through a float.
    let text = serde_json::to_string(answer).map_err(Failure::new)?;
    show::print_text(&text, json).map_err(Failure::new)
}

pub(super) async fn topup(args: TopupArgs) -> Result<(), Failure> {
    match args.command {
        TopupCommand::Create {
            amount,
            payment_method,
            idempotency_key,
            client: args,
        } => {
            let params = TopupCreateParams {
                account_id: args.account.clone(),
                amount,
                payment_method_id: payment_method,
                idempotency_key,
            };
            let created = client(&args)?
                .ai_gateway()
                .billing()
                .topup()
                .create(params)
                .await;
            print(&created.map_err(Failure::new)?, args.json)
        }
        TopupCommand::Limits(args) => {
            let params = account(&args);
            let client = client(&args)?;
            let asked = client.ai_gateway().billing().topup().limits(params);
            print(&asked.await.map_err(Failure::new)?, args.json)
        }
        TopupCommand::Eligibility(args) => eligibility(&args).await,
        TopupCommand::Config { command } => topup_config::run(command).await,
        TopupCommand::Status {
            id,
            wait,
            client: args,
        } => status(id, wait, &args).await,
    }
}

pub(super) fn account(args: &ClientArgs) -> TopupAccountParams {
    TopupAccountParams {
        account_id: args.account.clone(),
    }
}

async fn eligibility(args: &ClientArgs) -> Result<(), Failure> {
    let client = client(args)?;
    let asked = client
        .ai_gateway()
        .billing()
        .topup()
        .eligibility(account(args));
    let answer = asked.await.map_err(Failure::new)?;
    if args.json {
        return print(&answer, true);
    }
    let manual = answer.manual_topup;
    print(&manual.limits, false)?;
    println!("eligible: {}", manual.eligible);
    for reason in &manual.reasons {
        println!("refused: {} (code {})", reason.message, reason.code);
    }
    Ok(())
}

async fn status(id: String, wait: Option<u64>, args: &ClientArgs) -> Result<(), Failure> {
    let params = TopupStatusParams {
        account_id: args.account.clone(),
        payment_intent_id: id,
    };
    let client = client(args)?;
    let topups = client.ai_gateway().billing().topup();
    let answer = match wait {
        Some(seconds) => {
            topups
                .wait_until_completed(params, Duration::from_secs(seconds))
                .await
        }
        None => topups.status(params).await,
    };
    let answer = answer.map_err(Failure::new)?;
    print(&answer, args.json)?;
    if !args.json && answer.status == TopupStatus::Pending {
        super::out::complain(format_args!("not paid yet: ask again, or use --wait"));
    }
    Ok(())
}

pub(super) async fn balance(args: &BalanceArgs) -> Result<(), Failure> {
    let params = CreditBalanceParams {
        account_id: args.client.account.clone(),
    };
    let balance = client(&args.client)?
        .ai_gateway()
        .billing()
        .credit_balance(params)
        .await;
    print(&balance.map_err(Failure::new)?, args.client.json)
}
