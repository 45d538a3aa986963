//! A SQLite file belongs to one process; everybody else is told so, or goes through that one.

use reqwest::Method;

use crate::app::{Engine, http_client};
use crate::process;
use crate::site::{Site, told};

async fn serving() -> (Site, crate::process::Running, String) {
    let site = Site::new(Engine::Sqlite, None).await.unwrap();
    let (running, url) = site.serve().await;
    (site, running, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_is_refused_and_told_who_has_the_file() {
    let (site, running, _) = serving().await;
    for command in ["serve", "migrate"] {
        let refused = process::run(&[command], &site.variables).await;
        let (_, error) = process::texts(&refused);
        assert_eq!(refused.status.code(), Some(1), "{command}: {error}");
        let holder = format!(
            "is in use by another Farebox process (pid {})",
            running.pid()
        );
        assert!(error.contains(&holder), "{command}: {error}");
        assert!(error.contains("use PostgreSQL"), "{command}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_are_checked_and_exported_beside_the_server() {
    let (site, _running, _) = serving().await;
    site.books_are_right("beside").await;
    let exported = process::run(&["ledger", "export"], &site.variables).await;
    assert!(process::printed(&exported, 0).starts_with("seq,id,"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_made_and_revoked_through_the_server() {
    let (site, running, url) = serving().await;
    let account = site.account.to_string();
    let create = ["token", "create", "--account", &account, "--name", "beside"];
    let create = [&create[..], &["--permission", "read"]].concat();
    let made = told(&create, &site.variables).await;
    let is_valid = async || {
        let url = format!("{url}/client/v4/user/tokens/verify");
        let request = http_client().request(Method::GET, url);
        let answer = request.bearer_auth(made["token"].as_str().unwrap());
        answer.send().await.unwrap().status() == 200
    };
    assert!(is_valid().await);
    let revoke = ["token", "revoke", made["id"].as_str().unwrap()];
    told(&revoke, &site.variables).await;
    assert!(!is_valid().await);
    let unknown = ["token", "revoke", "0123"];
    let refused = process::run(&unknown, &site.variables).await;
    assert_eq!(refused.status.code(), Some(1));
    let (_, error) = process::texts(&refused);
    assert!(error.contains("there is no token 0123"), "{error}");
    let (status, log) = running.terminate().await;
    assert_eq!(status.code(), Some(0), "{log}");
    // With the server gone the commands have the file themselves again.
    told(&["account", "list"], &site.variables).await;
}
