//! The table of operations. Each file of a noun lists its own; here they come together.

use super::params::Param;
use super::state::{Answer, Call, State};
use super::{
    balance, charges, checkout, customers, disputes, events, evidence, finalize, invoice_items,
    invoice_payments, invoices, pay, payment_intents, payment_methods, refunds, setup_intents,
};

/// One operation: where it is, what it takes, what it does.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    path: &'static str,
    pub(crate) params: &'static [&'static [Param]],
    pub(crate) run: fn(&mut State, &Call) -> Answer,
    /// A publishable key may call it, given the object's client secret.
    pub(crate) publishable: bool,
}

pub(crate) const fn route(
    method: &'static str,
    path: &'static str,
    params: &'static [&'static [Param]],
    run: fn(&mut State, &Call) -> Answer,
) -> Route {
    Route {
        method,
        path,
        params,
        run,
        publishable: false,
    }
}

impl Route {
    pub(crate) const fn publishable(mut self) -> Route {
        self.publishable = true;
        self
    }
}

const ALL: &[&[Route]] = &[
    customers::ROUTES,
    payment_methods::ROUTES,
    setup_intents::ROUTES,
    checkout::ROUTES,
    invoices::ROUTES,
    finalize::ROUTES,
    pay::ROUTES,
    invoice_items::ROUTES,
    invoice_payments::ROUTES,
    payment_intents::ROUTES,
    charges::ROUTES,
    refunds::ROUTES,
    disputes::ROUTES,
    evidence::ROUTES,
    balance::ROUTES,
    events::ROUTES,
];

/// The operation at this method and path, with what stands for `{id}` and `{sub}`.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, String, String)> {
    ALL.iter().copied().flatten().find_map(|route| {
        let (id, sub) = captures(route.path, path)?;
        (route.method == method).then_some((route, id, sub))
    })
}

fn captures(pattern: &str, path: &str) -> Option<(String, String)> {
    let (mut id, mut sub) = (String::new(), String::new());
    let mut given = path.trim_end_matches('/').split('/');
    for expected in pattern.split('/') {
        let part = given.next()?;
        match expected {
            "{id}" => part.clone_into(&mut id),
            "{sub}" => part.clone_into(&mut sub),
            literal if literal == part => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some((id, sub))
}
