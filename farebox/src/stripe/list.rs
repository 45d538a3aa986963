//! Lists that come page by page.

use std::marker::PhantomData;

use serde::{Deserialize, de::DeserializeOwned};

use super::{Stripe, StripeError, call::Call};

/// The most that Stripe gives in one page.
const PAGE: u32 = 100;

/// An object that stands in a list and so marks the place where the next page begins.
pub trait Listed: DeserializeOwned {
    /// The object's id.
    fn id(&self) -> &str;
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    #[serde(default)]
    has_more: bool,
}

/// A walk through a list, newest object first, as Stripe orders them.
///
/// An object created during the walk may be missed; one that was there is seen once.
#[derive(Debug)]
pub struct Pages<T> {
    stripe: Stripe,
    call: Call,
    after: Option<String>,
    finished: bool,
    item: PhantomData<fn() -> T>,
}

impl<T: Listed> Pages<T> {
    pub(super) fn new(stripe: &Stripe, call: Call) -> Self {
        let call = call.with("limit", PAGE);
        Self {
            stripe: stripe.clone(),
            call,
            after: None,
            finished: false,
            item: PhantomData,
        }
    }

    /// The next page, `None` after the last. After an error the same page can be asked again.
    ///
    /// # Errors
    ///
    /// As any call to Stripe.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, StripeError> {
        if self.finished {
            return Ok(None);
        }
        let page: Page<T> = self.stripe.send(self.request()).await?;
        Ok(self.advance(page))
    }

    /// Everything that is left, for lists that are known to be short.
    ///
    /// # Errors
    ///
    /// As any call to Stripe; what was read before is lost.
    pub async fn all(mut self) -> Result<Vec<T>, StripeError> {
        let mut items = Vec::new();
        while let Some(page) = self.next().await? {
            items.extend(page);
        }
        Ok(items)
    }

    fn request(&self) -> Call {
        self.call
            .clone()
            .with_some("starting_after", self.after.as_deref())
    }

    fn advance(&mut self, page: Page<T>) -> Option<Vec<T>> {
        self.after = page.data.last().map(|item| item.id().to_owned());
        // An empty page that promises more would be asked for without end.
        self.finished = !page.has_more || page.data.is_empty();
        (!page.data.is_empty()).then_some(page.data)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::{super::StripeSettings, *};

    #[derive(Deserialize, Debug, PartialEq)]
    struct Thing {
        id: String,
    }

    impl Listed for Thing {
        fn id(&self) -> &str {
            &self.id
        }
    }

    fn pages() -> Pages<Thing> {
        let stripe = Stripe::new(&StripeSettings {
            base_url: "http://127.0.0.1:1".to_owned(),
            secret_key: SecretString::from("sk_test_x"),
            timeout_ms: 1,
            connect_timeout_ms: 1,
            max_retries: 0,
        });
        Pages::new(&stripe.unwrap(), Call::get("/v1/things"))
    }

    fn page(ids: &[&str], has_more: bool) -> Page<Thing> {
        let data: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        serde_json::from_value(
            json!({"object": "list", "data": data, "has_more": has_more, "url": "/v1/things"}),
        )
        .unwrap()
    }

    #[test]
    fn the_next_page_begins_after_the_last_object() {
        let mut pages = pages();
        assert_eq!(
            pages.request().pairs,
            [("limit".to_owned(), "100".to_owned())]
        );
        assert_eq!(pages.advance(page(&["a", "b"], true)).unwrap().len(), 2);
        assert_eq!(
            pages.request().pairs[1],
            ("starting_after".to_owned(), "b".to_owned())
        );
        assert!(!pages.finished);
        assert_eq!(pages.advance(page(&["c"], false)).unwrap().len(), 1);
        assert!(pages.finished);
    }

    #[test]
    fn an_empty_page_ends_the_walk_whatever_it_promises() {
        let mut pages = pages();
        assert_eq!(pages.advance(page(&[], true)), None);
        assert!(pages.finished);
    }
}
