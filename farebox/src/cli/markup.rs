//! `farebox markup`: what is added to the providers' prices, for whom and for what.

use crate::admin::Command;
use crate::cli::args::{MarkupArgs, MarkupCommand, OutputArgs, ScopeArgs};
use crate::cli::{Failure, admin, prices};

pub(super) async fn run(args: MarkupArgs) -> Result<(), Failure> {
    let command = match args.command {
        MarkupCommand::Set { percent, scope } => Command::SetMarkup {
            scope: named(&args.output, &scope)?,
            account: scope.account,
            percent,
        },
        MarkupCommand::List => Command::ListMarkups,
        MarkupCommand::Remove { scope } => Command::RemoveMarkup {
            scope: named(&args.output, &scope)?,
            account: scope.account,
        },
    };
    admin::carry_out(command, &args.output).await
}

/// What the catalogue calls the provider or the model; empty for all.
fn named(output: &OutputArgs, scope: &ScopeArgs) -> Result<String, Failure> {
    let Some(model) = &scope.model else {
        return Ok(String::new());
    };
    let catalog = prices::open(&output.config)?;
    match model.split_once('/') {
        Some((provider, name)) => {
            let found = catalog.find(provider, name).map_err(Failure::new)?;
            Ok(format!("{}/{}", found.provider, found.id))
        }
        None if catalog.models(model).is_empty() && catalog.also(model).is_empty() => {
            Err(Failure::new(format!(
                "there are no prices for {model}: `farebox prices show` lists whose there are"
            )))
        }
        None => Ok(model.clone()),
    }
}
