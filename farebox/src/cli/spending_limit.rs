//! `farebox spending-limit`: the most that an account may spend, on the command line.

use api::{SetSpendingLimit, SpendingLimit, SpendingLimitParams, SpendingLimitSetParams};

use crate::cli::Failure;
use crate::cli::args::{ClientArgs, SpendingLimitArgs, SpendingLimitCommand};
use crate::cli::client::{client, print};

pub(super) async fn run(args: SpendingLimitArgs) -> Result<(), Failure> {
    match args.command {
        SpendingLimitCommand::Get(args) => {
            let client = client(&args)?;
            let limits = client.ai_gateway().billing().spending_limit();
            let found = limits.get(account(&args)).await.map_err(Failure::new)?;
            show(&found, args.json)
        }
        SpendingLimitCommand::Set {
            amount,
            duration,
            strategy,
            client,
        } => {
            let limit = SetSpendingLimit {
                amount,
                duration: duration.into(),
                strategy: strategy.into(),
            };
            set(limit, &client).await
        }
        SpendingLimitCommand::Unset(args) => {
            let client = client(&args)?;
            let limits = client.ai_gateway().billing().spending_limit();
            let removed = limits.delete(account(&args)).await.map_err(Failure::new)?;
            show(&removed, args.json)
        }
    }
}

fn account(args: &ClientArgs) -> SpendingLimitParams {
    SpendingLimitParams {
        account_id: args.account.clone(),
    }
}

async fn set(limit: SetSpendingLimit, args: &ClientArgs) -> Result<(), Failure> {
    let params = SpendingLimitSetParams {
        account_id: args.account.clone(),
        limit,
    };
    let client = client(args)?;
    let asked = client
        .ai_gateway()
        .billing()
        .spending_limit()
        .create(params);
    show(&asked.await.map_err(Failure::new)?, args.json)
}

fn show(limit: &SpendingLimit, json: bool) -> Result<(), Failure> {
    if json {
        return print(limit, true);
    }
    if limit.enabled {
        return print(&limit.config, false);
    }
    println!("no limit");
    Ok(())
}
