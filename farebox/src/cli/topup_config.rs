//! `farebox topup config`: when an account tops itself up, on the command line.

use api::{SetTopupConfig, TopupConfigSetParams};

use crate::cli::Failure;
use crate::cli::args::TopupConfigCommand;
use crate::cli::client::{account, client, print};

pub(super) async fn run(command: TopupConfigCommand) -> Result<(), Failure> {
    match command {
        TopupConfigCommand::Get(args) => {
            let params = account(&args);
            let client = client(&args)?;
            let asked = client.ai_gateway().billing().topup().config().get(params);
            print(&asked.await.map_err(Failure::new)?, args.json)
        }
        TopupConfigCommand::Set {
            amount,
            threshold,
            client: args,
        } => {
            let params = TopupConfigSetParams {
                account_id: args.account.clone(),
                config: SetTopupConfig { amount, threshold },
            };
            let client = client(&args)?;
            let asked = client
                .ai_gateway()
                .billing()
                .topup()
                .config()
                .create(params);
            print(&asked.await.map_err(Failure::new)?, args.json)
        }
        TopupConfigCommand::Unset(args) => {
            let params = account(&args);
            let client = client(&args)?;
            let asked = client
                .ai_gateway()
                .billing()
                .topup()
                .config()
                .delete(params);
            print(&asked.await.map_err(Failure::new)?, args.json)
        }
    }
}
