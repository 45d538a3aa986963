//! `farebox holds`: holding credit and taking it in parts, on the command line.

use api::{
    CaptureHold, CreateHold, Hold, HoldCaptureParams, HoldCreateParams, HoldListParams, HoldParams,
};

use crate::cli::Failure;
use crate::cli::args::{ClientArgs, HoldArgs, HoldsArgs, HoldsCommand};
use crate::cli::client::{client, print};

pub(super) async fn run(args: HoldsArgs) -> Result<(), Failure> {
    match args.command {
        HoldsCommand::Create {
            amount,
            currency,
            expires_in,
            notes,
            client,
        } => {
            let hold = CreateHold {
                amount,
                currency,
                expires_in,
                metadata: notes.metadata.into_iter().collect(),
            };
            create(hold, notes.idempotency_key, &client).await
        }
        HoldsCommand::Capture {
            id,
            amount,
            description,
            last,
            notes,
            client,
        } => {
            let capture = CaptureHold {
                amount,
                description,
                metadata: notes.metadata.into_iter().collect(),
                last,
            };
            take(id, capture, notes.idempotency_key, &client).await
        }
        HoldsCommand::Void(args) => {
            let client = client(&args.client)?;
            let voided = client.ai_gateway().billing().holds().void(params(&args));
            print(&voided.await.map_err(Failure::new)?, args.client.json)
        }
        HoldsCommand::Get(args) => {
            let client = client(&args.client)?;
            let found = client.ai_gateway().billing().holds().get(params(&args));
            print(&found.await.map_err(Failure::new)?, args.client.json)
        }
        HoldsCommand::List {
            state,
            page,
            per_page,
            client,
        } => {
            let params = HoldListParams {
                account_id: client.account.clone(),
                page,
                per_page,
                state: state.map(Into::into),
            };
            list(params, &client).await
        }
    }
}

fn params(args: &HoldArgs) -> HoldParams {
    HoldParams {
        account_id: args.client.account.clone(),
        hold_id: args.id.clone(),
    }
}

async fn create(hold: CreateHold, key: Option<String>, args: &ClientArgs) -> Result<(), Failure> {
    let params = HoldCreateParams {
        account_id: args.account.clone(),
        hold,
        idempotency_key: key,
    };
    let client = client(args)?;
    let made = client.ai_gateway().billing().holds().create(params);
    print(&made.await.map_err(Failure::new)?, args.json)
}

async fn take(
    hold_id: String,
    capture: CaptureHold,
    key: Option<String>,
    args: &ClientArgs,
) -> Result<(), Failure> {
    let params = HoldCaptureParams {
        account_id: args.account.clone(),
        hold_id,
        capture,
        idempotency_key: key,
    };
    let client = client(args)?;
    let taken = client.ai_gateway().billing().holds().capture(params);
    print(&taken.await.map_err(Failure::new)?, args.json)
}

async fn list(params: HoldListParams, args: &ClientArgs) -> Result<(), Failure> {
    let client = client(args)?;
    let asked = client.ai_gateway().billing().holds().list(params);
    let holds = asked.await.map_err(Failure::new)?;
    if args.json {
        return print(&holds, true);
    }
    for hold in &holds {
        println!("{}", line(hold));
    }
    Ok(())
}

fn line(hold: &Hold) -> String {
    format!(
        "{}  {}  {}  {} of {} {} captured",
        hold.created_at,
        hold.id,
        hold.state.name(),
        hold.captured,
        hold.amount,
        hold.currency
    )
}
