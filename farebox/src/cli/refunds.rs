//! `farebox refund` and `farebox disputes`: money that goes back, through the API.

use api::{
    CreateRefund, DisputeListParams, Refund, RefundCreateParams, RefundListParams, RefundReason,
};

use crate::cli::Failure;
use crate::cli::args::{DisputesArgs, Reason, RefundArgs, RefundCommand};
use crate::cli::client::{client, print};

pub(super) async fn refund(args: RefundArgs) -> Result<(), Failure> {
    match args.command {
        RefundCommand::Create {
            id,
            amount,
            reason,
            idempotency_key,
            client: args,
        } => {
            let params = RefundCreateParams {
                account_id: args.account.clone(),
                payment_intent_id: id,
                refund: CreateRefund {
                    amount,
                    reason: reason.map(named),
                },
                idempotency_key,
            };
            let client = client(&args)?;
            let made = client.ai_gateway().billing().refunds().create(params);
            print(&made.await.map_err(Failure::new)?, args.json)
        }
        RefundCommand::List { id, client: args } => {
            let params = RefundListParams {
                account_id: args.account.clone(),
                payment_intent_id: id,
            };
            let client = client(&args)?;
            let asked = client.ai_gateway().billing().refunds().list(params);
            let refunds = asked.await.map_err(Failure::new)?;
            if args.json {
                return print(&refunds, true);
            }
            for one in &refunds {
                println!("{}", line(one));
            }
            Ok(())
        }
    }
}

fn named(reason: Reason) -> RefundReason {
    match reason {
        Reason::Duplicate => RefundReason::Duplicate,
        Reason::Fraudulent => RefundReason::Fraudulent,
        Reason::RequestedByCustomer => RefundReason::RequestedByCustomer,
    }
}

fn line(refund: &Refund) -> String {
    format!(
        "{}  {}  {}  {} of the payment, {} in credit  {}",
        refund.created_at,
        refund.stripe_id.as_deref().unwrap_or("-"),
        refund.status,
        refund.amount,
        refund.credit,
        refund.created_by
    )
}

pub(super) async fn disputes(args: DisputesArgs) -> Result<(), Failure> {
    let params = DisputeListParams {
        account_id: args.client.account.clone(),
        page: args.page,
        per_page: args.per_page,
    };
    let client = client(&args.client)?;
    let asked = client.ai_gateway().billing().disputes().list(params);
    let disputes = asked.await.map_err(Failure::new)?;
    if args.client.json {
        return print(&disputes, true);
    }
    for one in &disputes {
        println!(
            "{}  {}  {}  {} of {}, {} in credit taken back",
            one.created_at,
            one.stripe_id.as_deref().unwrap_or("-"),
            one.status,
            one.amount,
            one.payment_intent_id,
            one.credit
        );
    }
    Ok(())
}
