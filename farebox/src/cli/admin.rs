//! `farebox account`, `user`, `token` and `keys`: on the database, or, where a running Farebox has the SQLite
//! file, through that.

use secrecy::ExposeSecret;

use crate::admin::{self, Command};
use crate::app::system_clock;
use crate::cli::args::{
    AccountArgs, AccountCommand, KeysArgs, KeysCommand, OutputArgs, TokenArgs, TokenCommand,
    UserArgs, UserCommand,
};
use crate::cli::{Failure, serve, show};
use crate::config::load_keys;
use crate::control;
use crate::keyring::Keyring;
use crate::store::db::Db;
use crate::store::{self, StoreError, migrate};

pub(super) async fn account(args: AccountArgs) -> Result<(), Failure> {
    let command = match args.command {
        AccountCommand::Create { name, id } => Command::CreateAccount { name, id },
        AccountCommand::List => Command::ListAccounts,
    };
    carry_out(command, &args.output).await
}

pub(super) async fn user(args: UserArgs) -> Result<(), Failure> {
    let UserCommand::Create { email, accounts } = args.command;
    carry_out(Command::CreateUser { email, accounts }, &args.output).await
}

pub(super) async fn token(args: TokenArgs) -> Result<(), Failure> {
    let command = match args.command {
        TokenCommand::Create {
            account,
            name,
            permissions,
            expires_in,
        } => Command::CreateToken {
            account,
            name,
            permissions: permissions
                .iter()
                .map(|one| one.name().to_owned())
                .collect(),
            expires_in_seconds: expires_in,
        },
        TokenCommand::List { account } => Command::ListTokens { account },
        TokenCommand::Revoke { id } => Command::RevokeToken { id },
    };
    carry_out(command, &args.output).await
}

pub(super) async fn keys(args: KeysArgs) -> Result<(), Failure> {
    let KeysCommand::Rotate = args.command;
    carry_out(Command::RotateKeys, &args.output).await
}

/// Here, or in the process that has the database.
pub(super) async fn carry_out(command: Command, output: &OutputArgs) -> Result<(), Failure> {
    let config = serve::load(&output.config)?;
    let db = match Db::open(&config.database) {
        Ok(db) => db,
        Err(in_use @ StoreError::InUse { .. }) => {
            let path = store::control_socket(&config.database);
            let path = path.ok_or_else(|| Failure::new(&in_use))?;
            let answer = control::call(&path, &command).await.map_err(Failure::new)?;
            let value = answer
                .ok_or_else(|| Failure::new(&in_use))?
                .map_err(Failure::new)?;
            show::print(&value, output.json);
            return Ok(());
        }
        Err(error) => return Err(Failure::new(error)),
    };
    migrate::migrate(&db).await.map_err(Failure::new)?;
    let (key, previous) = load_keys(&config.security).map_err(Failure::new)?;
    let previous = previous.as_ref().map(ExposeSecret::expose_secret);
    let keyring = Keyring::open(key.expose_secret(), previous, &db);
    let keyring = keyring.await.map_err(Failure::new)?;
    let done = admin::run(&db, &keyring, command, system_clock()()).await;
    show::print(&done.map_err(Failure::new)?, output.json);
    Ok(())
}
