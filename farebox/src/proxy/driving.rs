//! A call under way, and who moves it on. That is whoever waits for its answer, for as long as they wait: a task of its
//! own would have to be woken for every step of most calls. Where they leave, or have the head of an answer whose rest
//! is still to come, a tracked task goes on from where they were.
//!
//! So a client that leaves strands no hold, and a shutdown waits for the settlement either way.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

type Rest = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A call that is not over until it says so itself.
pub struct Driving {
    /// What is still to be done.
    rest: Option<Rest>,
    tasks: TaskTracker,
    runtime: Handle,
    /// So that a shutdown waits for it also while no task has it.
    _tracked: TaskTrackerToken,
}

impl Driving {
    /// Has to be called on the runtime that goes on with it.
    pub fn new(tasks: &TaskTracker, call: impl Future<Output = ()> + Send + 'static) -> Self {
        // One that panics has an end as well: its answer never comes.
        let call = AssertUnwindSafe(call).catch_unwind().map(drop);
        Self {
            rest: Some(Box::pin(call)),
            tasks: tasks.clone(),
            runtime: Handle::current(),
            _tracked: tasks.token(),
        }
    }

    /// Moves the call on until its answer is there, which the call alone has the sender of; nothing where it has ended
    /// without. What is left of it then, or where this is dropped before, a task does.
    pub async fn until<T>(mut self, mut answer: oneshot::Receiver<T>) -> Option<T> {
        poll_fn(|context| {
            if let Some(rest) = &mut self.rest
                && rest.as_mut().poll(context).is_ready()
            {
                self.rest = None;
            }
            // Nobody but the call sends it, so that there is no need to be woken for it.
            match answer.try_recv() {
                Err(TryRecvError::Empty) => Poll::Pending,
                Err(TryRecvError::Closed) => Poll::Ready(None),
                Ok(answer) => Poll::Ready(Some(answer)),
            }
        })
        .await
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.tasks.spawn_on(rest, &self.runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    /// A call of which the second half waits to be let on.
    fn call(
        tasks: &TaskTracker,
        answers_at: usize,
    ) -> (
        Driving,
        oneshot::Receiver<usize>,
        std::sync::Arc<Notify>,
        oneshot::Receiver<()>,
    ) {
        let (reply, answer) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let gate = std::sync::Arc::new(Notify::new());
        let (mut reply, mut done, own) = (Some(reply), Some(done), gate.clone());
        let driving = Driving::new(tasks, async move {
            for half in 0..2 {
                if half == answers_at {
                    let _ = reply.take().unwrap().send(half);
                }
                if half == 0 {
                    own.notified().await;
                }
            }
            done.take().unwrap().send(()).unwrap();
        });
        (driving, answer, gate, is_done)
    }

    #[tokio::test]
    async fn what_is_left_at_the_answer_goes_on_by_itself() {
        let tasks = TaskTracker::new();
        let (driving, answer, gate, is_done) = call(&tasks, 0);
        assert_eq!(driving.until(answer).await, Some(0));
        assert_eq!(tasks.len(), 1);
        gate.notify_one();
        is_done.await.unwrap();
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_call_whose_client_leaves_is_not_over() {
        let tasks = TaskTracker::new();
        tasks.close();
        let (driving, answer, gate, is_done) = call(&tasks, 1);
        let waited = tokio::time::timeout(Duration::ZERO, driving.until(answer)).await;
        assert!(waited.is_err());
        let ended = tokio::time::timeout(Duration::ZERO, tasks.wait()).await;
        assert!(ended.is_err(), "a shutdown would not wait");
        gate.notify_one();
        is_done.await.unwrap();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn one_that_nobody_ever_moved_on_is_begun() {
        let tasks = TaskTracker::new();
        let (driving, _answer, gate, is_done) = call(&tasks, 1);
        drop(driving);
        gate.notify_one();
        is_done.await.unwrap();
    }

    #[tokio::test]
    async fn one_that_panics_has_no_answer_and_an_end() {
        let tasks = TaskTracker::new();
        let (reply, answer) = oneshot::channel::<()>();
        let driving = Driving::new(&tasks, async move {
            let _reply = reply;
            panic!("as calls must not");
        });
        assert!(driving.until(answer).await.is_none());
        tasks.close();
        tasks.wait().await;
    }
}
