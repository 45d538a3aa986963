//! What a client reads when billing says no. Every refusal says what happened and what to do.
//!
//! The contract documents 400, 403 and 404 for billing; whatever is final is one of these, so that the
//! SDKs, which repeat 409, 429 and 5xx by themselves, don't repeat it.

use http::StatusCode;

use crate::billing::{BillingError, HoldRefusal, RefundRefusal, Refusal};
use crate::error::{ApiError, codes};
use crate::gateways::GatewayError;

/// For how many seconds a client may be left to wait and repeat by itself.
const WORTH_WAITING: u64 = 60;

impl From<BillingError> for ApiError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Refused(refusal) => refused(&refusal),
            BillingError::Hold(refusal) => hold_refused(&refusal),
            BillingError::Refund(refusal) => refund_refused(refusal),
            BillingError::NoSuchTopup => Self::not_found("Top-up"),
            BillingError::NoSuchPaymentMethod => Self::not_found("Payment method"),
            BillingError::ReturnUrl => return_url(),
            BillingError::CardsBusy => cards_busy(),
            BillingError::NoSuchCursor => no_such_cursor(),
            BillingError::Unavailable(cause) => stripe_unavailable(cause.to_string()),
            BillingError::TookTooLong => stripe_unavailable("the time was up".to_owned()),
            BillingError::KeyBusy => key_busy(),
            BillingError::KeyMismatch => key_mismatch(),
            BillingError::Store(error) => error.into(),
            BillingError::Commit(error) => error.into(),
            BillingError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl From<GatewayError> for ApiError {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::NotFound(what) => Self::not_found(what),
            GatewayError::NotKept(why) => Self::new(StatusCode::NOT_FOUND, codes::NOT_FOUND, why),
            GatewayError::Invalid { at, message } => Self::invalid(at, message),
            GatewayError::Busy => {
                let message = "It is being changed by somebody else: ask again";
                Self::new(StatusCode::CONFLICT, codes::CONFLICT, message).after(1)
            }
            GatewayError::Store(error) => error.into(),
            GatewayError::Internal(cause) => Self::internal(cause),
        }
    }
}

fn refused(refusal: &Refusal) -> ApiError {
    let bad_request = |code, message| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    match refusal {
        Refusal::Declined { invoice, code } => bad_request(
            codes::CARD_DECLINED,
            format!(
                "The card was declined ({code}); nothing was charged and {invoice} is void. Start a new \
                 top-up with another payment method"
            ),
        ),
        Refusal::Voided { invoice } => bad_request(
            codes::TOPUP_VOIDED,
            format!(
                "The top-up {invoice} was voided and can't be paid any more; nothing was credited. Start \
                 a new one"
            ),
        ),
        Refusal::Abandoned => bad_request(
            codes::TOPUP_ABANDONED,
            "The top-up was given up before a charge was tried; nothing was charged. Start a new one, \
             with a new Idempotency-Key"
                .to_owned(),
        ),
        Refusal::InReview { invoice } => bad_request(
            codes::TOPUP_IN_REVIEW,
            format!(
                "The payment of {invoice} does not match its top-up and is being reviewed; nothing is \
                 credited yet. Ask the operator, and don't pay again"
            ),
        ),
        Refusal::PaymentMethod { id } => {
            let mut error = bad_request(
                codes::PAYMENT_METHOD,
                format!("{id} is not a payment method of this account; nothing was charged"),
            );
            if let Some(first) = error.errors.first_mut() {
                first.path = Some(vec!["body".to_owned(), "payment_method_id".to_owned()]);
            }
            error
        }
        Refusal::Stripe { message } => {
            let mut error = ApiError::new(
                StatusCode::BAD_GATEWAY,
                codes::STRIPE_REFUSED,
                "Stripe refused the operation; nothing was credited. Ask the operator, whose log has the \
                 cause",
            )
            .for_good();
            error.internal = Some(message.clone());
            error
        }
    }
}

fn hold_refused(refusal: &HoldRefusal) -> ApiError {
    let bad_request = |code, message| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    match refusal {
        HoldRefusal::NotFound => ApiError::not_found("Hold"),
        HoldRefusal::InsufficientCredit { asked, available } if available.is_negative() => {
            ApiError::new(
                StatusCode::PAYMENT_REQUIRED,
                codes::INSUFFICIENT_CREDIT,
                format!(
                    "{asked} cents were to be held and {available} are available, because credit that \
                     was spent has been taken back: a payment was refunded or disputed. Nothing is \
                     held until a top-up has paid it back"
                ),
            )
        }
        HoldRefusal::InsufficientCredit { asked, available } => ApiError::new(
            StatusCode::PAYMENT_REQUIRED,
            codes::INSUFFICIENT_CREDIT,
            format!(
                "{asked} cents were to be held and {available} are available; nothing was held. Top up, \
                 ask for less, or wait for other holds to end"
            ),
        ),
        HoldRefusal::SpendingLimit { .. } => limit_refused(refusal),
        HoldRefusal::Frozen => ApiError::new(
            StatusCode::FORBIDDEN,
            codes::FROZEN,
            "Spending is frozen while a payment of this account is disputed; nothing was held. Ask the \
             operator; it goes on when the dispute is over",
        ),
        HoldRefusal::LimitChanged => ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            codes::SPENDING_LIMIT,
            "A spending limit has refused it that has been removed since; nothing was held. Ask again",
        )
        .after(1),
        HoldRefusal::Expired { at } => bad_request(
            codes::HOLD_EXPIRED,
            format!("The hold expired at {at}; nothing was changed. Make a new one"),
        ),
        HoldRefusal::Over { state } => bad_request(
            codes::HOLD_OVER,
            format!(
                "The hold is {} already; nothing was changed. Make a new one",
                state.name()
            ),
        ),
        HoldRefusal::BeyondHold { asked, left } => bad_request(
            codes::BEYOND_HOLD,
            format!(
                "{asked} cents were to be captured and {left} are left of the hold; nothing was \
                 captured. Capture less, and hold the rest anew"
            ),
        ),
    }
}

/// An operator reads these, so Stripe's own words may be told.
fn refund_refused(refusal: RefundRefusal) -> ApiError {
    let bad_request = |code, message| ApiError::new(StatusCode::BAD_REQUEST, code, message);
    match refusal {
        RefundRefusal::NotPaid => bad_request(
            codes::NOT_PAID,
            "The top-up isn't completed, so there is nothing to refund. Ask for its status"
                .to_owned(),
        ),
        RefundRefusal::BeyondPayment { asked, left } => bad_request(
            codes::BEYOND_PAYMENT,
            format!(
                "{asked} cents were to be refunded and {left} are left of the payment; nothing was \
                 changed. Refund less"
            ),
        ),
        RefundRefusal::CreditSpent { money, available } => ApiError::new(
            StatusCode::PAYMENT_REQUIRED,
            codes::CREDIT_SPENT,
            format!(
                "The credit of {money} cents is not there any more: {available} cents are available; \
                 nothing was changed. Refund less, or refund in Stripe's dashboard, which takes the \
                 balance below zero"
            ),
        ),
        RefundRefusal::ByStripe { message } => bad_request(
            codes::REFUND_REFUSED,
            format!("The refund was not made and its credit was given back: {message}"),
        ),
    }
}

/// The SDKs repeat 429 by themselves, which makes sense only where the window moves on soon.
fn limit_refused(refusal: &HoldRefusal) -> ApiError {
    let HoldRefusal::SpendingLimit {
        asked,
        limit,
        left,
        more_at,
        retry_after,
    } = refusal
    else {
        return ApiError::internal("not a spending limit's refusal");
    };
    let (most, period, strategy) = (limit.amount, limit.period, limit.strategy);
    let more = match more_at {
        _ if *asked > most => "it would not fit into an empty window".to_owned(),
        Some(at) => format!("there is more at {at}"),
        None => "there is more when holds end".to_owned(),
    };
    let message = format!(
        "{asked} cents were to be held, and of the {period} ({strategy}) spending limit of {most} cents \
         {left} are left; {more}. Nothing was held. Wait, ask for less, or raise the limit"
    );
    let mut error = ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        codes::SPENDING_LIMIT,
        message,
    );
    error.retry_after = *retry_after;
    error.never_retry = retry_after.is_none_or(|seconds| seconds > WORTH_WAITING) || *asked > most;
    error
}

fn stripe_unavailable(cause: String) -> ApiError {
    let mut error = ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        codes::STRIPE_UNAVAILABLE,
        "Stripe can't be reached just now and nothing was charged. Ask again, with the same \
         Idempotency-Key where there was one",
    )
    .after(2);
    error.internal = Some(cause);
    error
}

fn no_such_cursor() -> ApiError {
    let message = "No transaction of this account: send the next_cursor of the page before";
    ApiError::invalid(&["query", "cursor"], message)
}

fn return_url() -> ApiError {
    let message = "Invalid url. Stripe leads nobody back there: send another one";
    ApiError::invalid(&["body", "return_url"], message)
}

fn cards_busy() -> ApiError {
    let message = "Another change of the account's payment methods is under way and nothing was changed \
         by this one: ask again in a moment";
    ApiError::new(StatusCode::CONFLICT, codes::CARDS_BUSY, message).after(1)
}

fn key_busy() -> ApiError {
    let message = "A request with this Idempotency-Key is still running: ask again in a moment";
    ApiError::new(StatusCode::CONFLICT, codes::IDEMPOTENCY_BUSY, message).after(1)
}

fn key_mismatch() -> ApiError {
    let message =
        "This Idempotency-Key was used for another request: send the same body, or a new key";
    ApiError::new(StatusCode::CONFLICT, codes::IDEMPOTENCY_MISMATCH, message).for_good()
}
