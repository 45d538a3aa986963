//! A long prompt is counted by its tokens if its model's family is known, so that the hold is close to what it costs.
//!
//! A short one is not worth the work: counted by its bytes it is held for a fraction of a cent. The work is done
//! beside the threads that serve, and has its end: a prompt that is too long for it is counted by its bytes.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::app::App;
use crate::catalog::{self, Family, Text, Tokens};
use crate::proxy::call::Call;
use crate::proxy::route::{self, Route};

/// Bytes of text that are counted: from what is worth it up to what takes some tenths of a second.
const TEXT_BYTES: RangeInclusive<u64> = 4096..=2_097_152;

/// The tokens of a call's text; `None` if its bytes have to do.
pub async fn count(app: &App, call: &Arc<Call>, route: &Route) -> Option<Tokens> {
    let family = Family::of(call.target.provider.slug, &route.model)?;
    if !TEXT_BYTES.contains(&route.asked.input.text_bytes) {
        return None;
    }
    let (call, endpoint) = (call.clone(), route.endpoint.clone());
    let counting = app.tasks.spawn_blocking(move || {
        let tokenizer = catalog::tokenizer()?;
        let mut counted = Text::default();
        let mut count = |text: &str| counted.add(text, tokenizer.count(text));
        route::ask(&call, &endpoint, &mut count).ok()?;
        Some(family.tokens(counted))
    });
    counting.await.ok().flatten()
}
