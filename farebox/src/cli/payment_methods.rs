//! `farebox payment-methods`: the cards that top-ups are charged to, on the command line.

use api::{PaymentMethod, PaymentMethodListParams, PaymentMethodParams, PaymentMethodSetupParams};

use crate::cli::Failure;
use crate::cli::args::{ClientArgs, PaymentMethodArgs, PaymentMethodsArgs, PaymentMethodsCommand};
use crate::cli::client::{client, print};

pub(super) async fn run(args: PaymentMethodsArgs) -> Result<(), Failure> {
    match args.command {
        PaymentMethodsCommand::List(args) => list(&args).await,
        PaymentMethodsCommand::Setup {
            return_url,
            idempotency_key,
            client,
        } => {
            let params = PaymentMethodSetupParams {
                account_id: client.account.clone(),
                return_url,
                idempotency_key,
            };
            setup(params, &client).await
        }
        PaymentMethodsCommand::Default(args) => {
            let client = client(&args.client)?;
            let methods = client.ai_gateway().billing().payment_methods();
            let chosen = methods.set_default(params(&args)).await;
            print(&chosen.map_err(Failure::new)?, args.client.json)
        }
        PaymentMethodsCommand::Remove(args) => {
            let client = client(&args.client)?;
            let methods = client.ai_gateway().billing().payment_methods();
            let removed = methods.delete(params(&args)).await;
            print(&removed.map_err(Failure::new)?, args.client.json)
        }
    }
}

fn params(args: &PaymentMethodArgs) -> PaymentMethodParams {
    PaymentMethodParams {
        account_id: args.client.account.clone(),
        payment_method_id: args.id.clone(),
    }
}

async fn list(args: &ClientArgs) -> Result<(), Failure> {
    let params = PaymentMethodListParams {
        account_id: args.account.clone(),
    };
    let client = client(args)?;
    let asked = client.ai_gateway().billing().payment_methods().list(params);
    let methods = asked.await.map_err(Failure::new)?;
    if args.json {
        return print(&methods, true);
    }
    for method in &methods {
        println!("{}", line(method));
    }
    Ok(())
}

fn line(method: &PaymentMethod) -> String {
    let shown = [method.brand.as_deref(), method.last4.as_deref()];
    let mut line = format!("{}  {}", method.id, method.kind);
    for part in shown.into_iter().flatten() {
        line = format!("{line}  {part}");
    }
    if method.default {
        line.push_str("  default");
    }
    line
}

async fn setup(params: PaymentMethodSetupParams, args: &ClientArgs) -> Result<(), Failure> {
    let client = client(args)?;
    let asked = client
        .ai_gateway()
        .billing()
        .payment_methods()
        .setup(params);
    print(&asked.await.map_err(Failure::new)?, args.json)
}
