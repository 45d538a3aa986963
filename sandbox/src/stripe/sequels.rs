//! What follows a request by itself: at Stripe a second or an hour later, here at once.
//!
//! A sequel happens after the answer to the request has been made, so that the answer shows what
//! Stripe's would: a refund that succeeded, say, although the next look at it finds it failed.

use super::disputes::{self, Claim, End};
use super::refund_ends;
use super::state::{Answer, Call, State, text};

/// Something that is about to happen to an object, which is named by its id.
pub(crate) enum Sequel {
    /// The cardholder disputes a charge.
    Disputed(String, Claim),
    DisputeEnds(String, End),
    InquiryEscalates(String),
    RefundSucceeds(String),
    RefundFails(String),
}

/// Lets everything happen that the work so far has led to.
pub(crate) fn play(state: &mut State, now: i64) {
    // Nobody asked for these, so their events name no request.
    let call = Call {
        now,
        ..Call::default()
    };
    for sequel in std::mem::take(&mut state.sequels) {
        // What the state does not admit does not happen.
        let _ = happen(state, &call, sequel);
    }
}

fn happen(state: &mut State, call: &Call, sequel: Sequel) -> Answer {
    match sequel {
        Sequel::Disputed(charge, claim) => {
            let dispute = disputes::open(state, call, &charge, claim)?;
            if claim.inquiry {
                return Ok(dispute);
            }
            disputes::withdraw(state, call, text(&dispute, "id"))
        }
        Sequel::DisputeEnds(dispute, end) => {
            if end == End::Won {
                // Nothing comes back where nothing was taken.
                let _ = disputes::reinstate(state, call, &dispute);
            }
            disputes::end(state, call, &dispute, end)
        }
        Sequel::InquiryEscalates(dispute) => {
            disputes::escalate(state, call, &dispute)?;
            disputes::withdraw(state, call, &dispute)
        }
        Sequel::RefundSucceeds(refund) => refund_ends::succeed(state, call, &refund),
        Sequel::RefundFails(refund) => {
            refund_ends::fail(state, call, &refund, refund_ends::EXPIRED)
        }
    }
}
