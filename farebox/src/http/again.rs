//! A future that is polled again at once where it has woken itself meanwhile.
//!
//! hyper's connections do for every request with a body: its reader wakes who sends it, which is the same task. The
//! runtime would put that at the end of its queue and wake another thread for it, to find nothing to do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// How often in a row, after which others get their turn.
const TIMES: usize = 4;

/// Nobody polls it: whoever wakes it wakes its task.
const IDLE: u8 = 0;
/// It is being polled.
const POLLED: u8 = 1;
/// It was woken while it was being polled.
const WOKEN: u8 = 2;

/// Polls what it has in it, again where that has woken itself.
pub struct Again<F> {
    inner: F,
    shared: Arc<Shared>,
    waker: Waker,
}

struct Shared {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let swap = |from, to| {
            let (done, seen) = (Ordering::AcqRel, Ordering::Acquire);
            self.state.compare_exchange(from, to, done, seen)
        };
        if swap(POLLED, WOKEN) == Err(IDLE) {
            self.task.wake();
        }
    }
}

impl<F> Again<F> {
    pub fn new(inner: F) -> Self {
        let shared = Arc::new(Shared {
            state: AtomicU8::new(IDLE),
            task: AtomicWaker::new(),
        });
        let waker = Waker::from(shared.clone());
        Self {
            inner,
            shared,
            waker,
        }
    }
}

impl<F: Unpin> Again<F> {
    /// What it polls.
    pub fn inner(&mut self) -> Pin<&mut F> {
        Pin::new(&mut self.inner)
    }
}

impl<F: Future + Unpin> Future for Again<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self {
            inner,
            shared,
            waker,
        } = &mut *self;
        shared.task.register(context.waker());
        for _ in 0..TIMES {
            shared.state.store(POLLED, Ordering::Release);
            let polled = Pin::new(&mut *inner).poll(&mut Context::from_waker(waker));
            // Swapped, so that whoever wakes it from now on wakes the task.
            let was = shared.state.swap(IDLE, Ordering::AcqRel);
            if polled.is_ready() || was == POLLED {
                return polled;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls once a future that wakes itself so many times; how often it was polled, and its task woken.
    fn polled_once(wakes: usize) -> (usize, usize, bool) {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let mut polls = 0;
        let mut future = Again::new(poll_fn(|context| {
            polls += 1;
            if polls > wakes {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        let polled = Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
        drop(future);
        (polls, count.0.load(Ordering::SeqCst), polled.is_ready())
    }

    #[test]
    fn what_wakes_itself_is_polled_again_without_its_task_and_not_for_ever() {
        assert_eq!(polled_once(0), (1, 0, true));
        assert_eq!(polled_once(1), (2, 0, true));
        assert_eq!(polled_once(TIMES - 1), (TIMES, 0, true));
        assert_eq!(polled_once(TIMES), (TIMES, 1, false));
        assert_eq!(polled_once(100), (TIMES, 1, false));
    }

    /// Wakes of another thread, at whatever moment.
    #[tokio::test]
    async fn no_wake_is_lost() {
        let (send, mut receive) = tokio::sync::mpsc::channel(1);
        let sender = std::thread::spawn(move || {
            (0..50_000).for_each(|number| send.blocking_send(number).unwrap());
        });
        for expected in 0..50_000 {
            let next = Again::new(Box::pin(receive.recv()));
            let next = tokio::time::timeout(Duration::from_secs(60), next).await;
            assert_eq!(next.expect("a wake was lost"), Some(expected));
        }
        sender.join().unwrap();
    }
}
