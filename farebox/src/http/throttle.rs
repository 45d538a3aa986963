//! Slows down an address that keeps failing to authenticate.
//!
//! Valid credentials are never refused because of their neighbours: behind one address may be a whole
//! company, or a proxy that the configuration doesn't name. That costs nothing in safety, because a
//! token is drawn from 2^238 and isn't found by trying.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long failures are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// How many addresses are remembered. Past it the windows that have run out are dropped, and all
/// of them where that makes no room: memory is bounded, whoever sends what.
const ADDRESSES_MAX: usize = 10_000;

/// Counts failed attempts by address.
#[derive(Debug)]
pub struct Throttle {
    failures_max: Option<NonZeroU32>,
    windows: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begun: Instant,
    failures: u32,
}

impl Throttle {
    /// Allows `failures_max` failures a minute and address; none allows any number.
    pub fn new(failures_max: Option<NonZeroU32>) -> Self {
        Self {
            failures_max,
            windows: Mutex::default(),
        }
    }

    /// Counts one more failure. Where there have been too many, for how long to wait.
    pub fn failed(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(failures_max) = self.failures_max else {
            return Ok(());
        };
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut windows, now);
        let window = windows.entry(bucket(address)).or_insert(Window {
            begun: now,
            failures: 0,
        });
        if now.duration_since(window.begun) >= WINDOW {
            *window = Window {
                begun: now,
                failures: 0,
            };
        }
        window.failures = window.failures.saturating_add(1);
        if window.failures <= failures_max.get() {
            return Ok(());
        }
        Err(WINDOW.saturating_sub(now.duration_since(window.begun)))
    }
}

/// Whoever has one IPv6 address usually has all 2^64 of its network.
fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        v4 => v4,
    }
}

fn make_room(windows: &mut HashMap<IpAddr, Window>, now: Instant) {
    if windows.len() < ADDRESSES_MAX {
        return;
    }
    windows.retain(|_, window| now.duration_since(window.begun) < WINDOW);
    if windows.len() >= ADDRESSES_MAX {
        windows.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_window_opens_again() {
        let (throttle, begun) = (Throttle::new(NonZeroU32::new(2)), Instant::now());
        let at =
            |seconds| throttle.failed(address("10.0.0.1"), begun + Duration::from_secs(seconds));
        assert_eq!(at(0), Ok(()));
        assert_eq!(at(1), Ok(()));
        assert_eq!(at(20), Err(Duration::from_secs(40)));
        assert_eq!(at(60), Ok(()));
    }

    #[test]
    fn addresses_count_apart_but_one_ipv6_network_together() {
        let (throttle, now) = (Throttle::new(NonZeroU32::new(1)), Instant::now());
        assert!(throttle.failed(address("10.0.0.1"), now).is_ok());
        assert!(throttle.failed(address("10.0.0.2"), now).is_ok());
        assert!(throttle.failed(address("2001:db8::1"), now).is_ok());
        assert!(throttle.failed(address("2001:db8::2"), now).is_err());
        assert!(throttle.failed(address("::ffff:10.0.0.1"), now).is_err());
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let (throttle, now) = (Throttle::new(None), Instant::now());
        assert!((0..1000).all(|_| throttle.failed(address("10.0.0.1"), now).is_ok()));
    }
}
