//! Messages that arrive while a response is in flight. They wait for their turn, within bounds.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

/// How many messages wait.
const MESSAGES_MAX: usize = 16;

/// Messages that wait, first in, first out.
#[derive(Debug)]
pub struct Pending {
    messages: VecDeque<Utf8Bytes>,
    bytes: usize,
    bytes_max: usize,
}

/// There is no room for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Pending {
    /// Of `bytes_max` bytes together.
    pub const fn new(bytes_max: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Puts a message behind the others.
    ///
    /// # Errors
    /// [`Full`]; the message is dropped.
    pub fn push(&mut self, message: Utf8Bytes) -> Result<(), Full> {
        let bytes = self.bytes.saturating_add(message.len());
        if self.messages.len() >= MESSAGES_MAX || bytes > self.bytes_max {
            return Err(Full);
        }
        self.bytes = bytes;
        self.messages.push_back(message);
        Ok(())
    }

    /// Takes the first one.
    pub fn pop(&mut self) -> Option<Utf8Bytes> {
        let message = self.messages.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.len());
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_wait_in_their_order_within_bounds() {
        let mut pending = Pending::new(10);
        for text in ["one", "two"] {
            pending.push(text.into()).unwrap();
        }
        assert_eq!(pending.push("three".into()), Err(Full));
        assert_eq!(pending.pop().as_deref(), Some("one"));
        pending.push("three".into()).unwrap();
        assert_eq!(pending.pop().as_deref(), Some("two"));
        assert_eq!(pending.pop().as_deref(), Some("three"));
        assert_eq!(pending.pop(), None);
        for _ in 0..MESSAGES_MAX {
            pending.push("".into()).unwrap();
        }
        assert_eq!(pending.push("".into()), Err(Full));
    }
}
