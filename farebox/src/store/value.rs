//! The types of column that both engines share, and rows made of them.
//!
//! Every column of the schema is a 64-bit integer or a text, or bytes where something is kept
//! compressed, so one small type can carry any parameter and any answer; nothing here knows SQL.

use crate::ids::LogId;
use crate::store::StoreError;

/// A parameter or a column: integer, text, bytes or null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BYTEA.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

/// As it sorts, and not as it is shown.
impl From<LogId> for Value {
    fn from(value: LogId) -> Self {
        Self::Text(value.key())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer, read column by column in the order of the SELECT.
#[derive(Clone, Debug)]
pub struct Row {
    columns: std::vec::IntoIter<Value>,
}

impl Row {
    /// A row of these columns.
    pub fn new(columns: Vec<Value>) -> Self {
        Self {
            columns: columns.into_iter(),
        }
    }

    fn next(&mut self) -> Result<Value, StoreError> {
        self.columns
            .next()
            .ok_or_else(|| StoreError::corrupt("a row is shorter than expected"))
    }

    /// The next column, a text that is never null.
    pub fn text(&mut self) -> Result<String, StoreError> {
        self.opt_text()?
            .ok_or_else(|| StoreError::corrupt("a text is null"))
    }

    /// The next column, a text or null.
    pub fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Int(_) | Value::Bytes(_) => Err(StoreError::corrupt(
                "something else stands where a text belongs",
            )),
        }
    }

    /// The next column, an integer that is never null.
    pub fn int(&mut self) -> Result<i64, StoreError> {
        self.opt_int()?
            .ok_or_else(|| StoreError::corrupt("an integer is null"))
    }

    /// The next column, an integer or null.
    pub fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        match self.next()? {
            Value::Int(int) => Ok(Some(int)),
            Value::Null => Ok(None),
            Value::Text(_) | Value::Bytes(_) => Err(StoreError::corrupt(
                "something else stands where an integer belongs",
            )),
        }
    }

    /// The next column, bytes or null.
    pub fn opt_bytes(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next()? {
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Null => Ok(None),
            Value::Int(_) | Value::Text(_) => Err(StoreError::corrupt(
                "something else stands where bytes belong",
            )),
        }
    }

    /// The next column, an integer used as yes or no.
    pub fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    /// The next column, a text that is the written form of a `T`.
    pub fn parse<T: std::str::FromStr>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| StoreError::corrupt(format!("{text:?} can't be read")))
    }

    /// The next column, a text that is one of an enumeration's stable names.
    pub fn named<T>(&mut self, from_name: fn(&str) -> Option<T>) -> Result<T, StoreError> {
        let name = self.text()?;
        from_name(&name).ok_or_else(|| StoreError::corrupt(format!("{name:?} is no known name")))
    }

    /// The next column, null or one of an enumeration's stable names.
    pub fn opt_named<T>(
        &mut self,
        from_name: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(name) = self.opt_text()? else {
            return Ok(None);
        };
        let known = from_name(&name);
        known
            .map(Some)
            .ok_or_else(|| StoreError::corrupt(format!("{name:?} is no known name")))
    }
}
