//! A long prompt is counted by its tokens where its model's are known, so that what is held for it is close to what
//! it costs.
//!
//! A short one is not worth the work: counted by its bytes it is held for a fraction of a cent. The work is done
//! beside the threads that serve, and has its end: a prompt that is too long for it is counted by its bytes.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::app::App;
use crate::catalog;
use crate::proxy::call::Call;
use crate::proxy::route::{self, Route};

/// Bytes of text that are counted: from what is worth it up to what takes some tenths of a second.
const TEXT_BYTES: RangeInclusive<u64> = 4096..=2_097_152;

/// How many tokens the text of a call is at most; nothing where nobody knows better than by its bytes.
pub async fn count(app: &App, call: &Arc<Call>, route: &Route) -> Option<u64> {
    let is_known = catalog::has_tokenizer(call.target.provider.slug, &route.model);
    if !is_known || !TEXT_BYTES.contains(&route.asked.input.text_bytes) {
        return None;
    }
    let (call, endpoint) = (call.clone(), route.endpoint.clone());
    let counting = app.tasks.spawn_blocking(move || {
        let tokenizer = catalog::tokenizer()?;
        let mut tokens = 0_u64;
        let mut count = |text: &str| tokens = tokens.saturating_add(tokenizer.count(text));
        route::ask(&call, &endpoint, &mut count).ok()?;
        Some(at_most(tokens))
    });
    counting.await.ok().flatten()
}

/// With an eighth on top: providers write something around texts, and a tool's schema in other words.
fn at_most(tokens: u64) -> u64 {
    tokens.saturating_add(tokens / 8).saturating_add(64)
}
