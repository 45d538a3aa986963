//! `GET …/billing/invoice-preview`.

use std::time::Duration;

use api::{InvoicePreview, InvoicePreviewParams};

use super::money;
use crate::app::TestApp;

async fn preview(app: &TestApp) -> InvoicePreview {
    let params = InvoicePreviewParams {
        account_id: app.account.to_string(),
    };
    let client = app.client();
    let asked = client.ai_gateway().billing().invoice_preview(params);
    asked.await.unwrap()
}

fn lines(preview: &InvoicePreview) -> Vec<String> {
    let lines = preview.invoice_lines.iter().map(|line| {
        let description = line.description.as_deref().unwrap_or("-");
        format!("{} x {description}: {}", line.quantity, line.amount)
    });
    lines.collect()
}

async fn a_line_for_each_thing_used(app: &TestApp) {
    money::give(app, "1000").await;
    for (amount, reference) in [
        ("1.5", "model-a"),
        ("7", "model-b"),
        ("2.25", "model-a"),
        ("1", ""),
    ] {
        money::spend(app, amount, reference).await;
    }
    let held = money::hold(app, "50").await;
    let preview = preview(app).await;
    money::void(app, held).await;
    assert_eq!(
        lines(&preview),
        ["1 x model-b: 7", "2 x model-a: 3.75", "1 x -: 1"]
    );
    assert_eq!(preview.amount_due.to_string(), "11.75");
    assert_eq!(preview.amount_paid, preview.amount_due);
    assert_eq!(preview.amount_remaining.to_string(), "0");
    assert_eq!(preview.status, "draft");
    let now = app.app.now().secs();
    assert!((preview.period_start..preview.period_end).contains(&now));
}

async fn a_new_month_begins_with_nothing(app: &TestApp) {
    money::give(app, "1000").await;
    money::spend(app, "1", "old").await;
    let old = preview(app).await;
    let left = old.period_end - app.app.now().secs();
    app.tick(Duration::from_secs(u64::try_from(left).unwrap()));
    let new = preview(app).await;
    assert_eq!(new.period_start, old.period_end);
    assert_ne!(new.id, old.id);
    assert_eq!(lines(&new), [""; 0]);
}

async fn many_references_end_in_one_line(app: &TestApp) {
    money::give(app, "1000").await;
    let references: Vec<_> = (0..103).map(|number| format!("call-{number:03}")).collect();
    let spends = references.iter().map(|one| money::spend(app, "1", one));
    futures_util::future::join_all(spends).await;
    let preview = preview(app).await;
    assert_eq!(preview.invoice_lines.len(), 101);
    assert_eq!(lines(&preview)[100], "3 x Other usage: 3");
    assert_eq!(preview.amount_due.to_string(), "103");
}

crate::on_both_engines![
    a_line_for_each_thing_used,
    a_new_month_begins_with_nothing,
    many_references_end_in_one_line,
];
