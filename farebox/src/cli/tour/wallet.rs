//! The stops of the tour at which a wallet behaves as one: it keeps a limit, gives money back and fills itself.

use api::{
    CaptureHold, Cents, CreateHold, CreateRefund, Hold, HoldCaptureParams, HoldCreateParams,
    LimitDuration, LimitStrategy, RefundCreateParams, SetSpendingLimit, SetTopupConfig,
    SpendingLimitParams, SpendingLimitSetParams, TopupConfigSetParams,
};
use tokio::time::Instant;

use super::{PATIENCE, Tour, expect, stop};
use crate::cli::Failure;

impl Tour<'_> {
    pub(super) async fn limit_is_kept(&self) -> Result<(), Failure> {
        stop(
            "A spending limit of $10 a day: holding $20 is refused, with what is left and until when",
        );
        let limits = self.client.ai_gateway().billing().spending_limit();
        let set = limits.create(SpendingLimitSetParams {
            account_id: self.dev.access.account_id.clone(),
            limit: SetSpendingLimit {
                amount: 1000,
                duration: LimitDuration::Daily,
                strategy: LimitStrategy::Fixed,
            },
        });
        set.await.map_err(Failure::new)?;
        let refused = self.hold(2000).await;
        expect("the hold was refused", refused.is_err())?;
        let params = SpendingLimitParams {
            account_id: self.dev.access.account_id.clone(),
        };
        limits.delete(params).await.map_err(Failure::new)?;
        Ok(())
    }

    pub(super) async fn operator_refunds(&self, invoice: &str) -> Result<(), Failure> {
        stop("The operator refunds $20 of the first top-up: the credit first, then the money");
        let params = RefundCreateParams {
            account_id: self.dev.access.account_id.clone(),
            payment_intent_id: invoice.to_owned(),
            refund: CreateRefund {
                amount: Some(2000),
                reason: None,
            },
            idempotency_key: None,
        };
        let refund = self.client.ai_gateway().billing().refunds().create(params);
        let refund = refund.await.map_err(Failure::new)?;
        expect("it is made", refund.status == "succeeded")?;
        self.balance_is("6000").await
    }

    pub(super) async fn wallet_fills_itself(&self) -> Result<(), Failure> {
        stop("Automatic top-up: $50 whenever less than $50 is available");
        let config = self.client.ai_gateway().billing().topup().config();
        let set = config.create(TopupConfigSetParams {
            account_id: self.dev.access.account_id.clone(),
            config: SetTopupConfig {
                amount: 5000,
                threshold: 5000,
            },
        });
        set.await.map_err(Failure::new)?;
        stop(
            "An application holds $20 and takes it: $40 are left, and the card is charged by itself",
        );
        let hold = self.hold(2000).await.map_err(Failure::new)?;
        let captured = self
            .client
            .ai_gateway()
            .billing()
            .holds()
            .capture(HoldCaptureParams {
                account_id: self.dev.access.account_id.clone(),
                hold_id: hold.id,
                capture: CaptureHold {
                    amount: hold.amount,
                    description: Some("a night's batch".to_owned()),
                    metadata: std::collections::BTreeMap::new(),
                    last: true,
                },
                idempotency_key: None,
            });
        captured.await.map_err(Failure::new)?;
        self.balance_is("9000").await
    }

    async fn hold(&self, cents: i64) -> Result<Hold, api::Error> {
        self.hold_amount(Cents::from_whole(cents).unwrap_or_default())
            .await
    }

    pub(super) async fn hold_amount(&self, amount: Cents) -> Result<Hold, api::Error> {
        let params = HoldCreateParams {
            account_id: self.dev.access.account_id.clone(),
            hold: CreateHold {
                amount,
                currency: None,
                expires_in: None,
                metadata: std::collections::BTreeMap::new(),
            },
            idempotency_key: None,
        };
        self.client
            .ai_gateway()
            .billing()
            .holds()
            .create(params)
            .await
    }

    /// Waits for what happens by itself.
    async fn balance_is(&self, cents: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let is_so = self.balance().await?.balance.to_string() == cents;
            if is_so || begun.elapsed() > PATIENCE {
                return expect(&format!("the balance is {cents} cents"), is_so);
            }
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    }
}
