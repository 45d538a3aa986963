//! Which logs are wanted, and in which order, as SQL.
//!
//! What comes from a caller is only ever a parameter; everything that is written into a statement is
//! written here.

use ledger::Timestamp;

use crate::ids::LogId;
use crate::store::pattern::containing;
use crate::store::value::Value;

/// What a filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The id.
    Id,
    /// When the call came in; its values are [`Value::Int`], milliseconds.
    CreatedAt,
    /// What kind of model.
    ModelType,
    /// The model.
    Model,
    /// The provider.
    Provider,
    /// Whether it succeeded.
    Success,
    /// Whether the answer was a kept one.
    Cached,
    /// In nano-units.
    Cost,
    /// Read and written together.
    Tokens,
    /// Read.
    TokensIn,
    /// Written.
    TokensOut,
    /// In milliseconds.
    Duration,
    /// −1, 0 or 1.
    Feedback,
    /// The caller's own name for the call.
    EventId,
    /// Any key of the metadata.
    MetadataKey,
    /// Any value of the metadata.
    MetadataValue,
    /// Anything in the metadata.
    Metadata,
    /// Whether the caller has authenticated.
    Authentication,
    /// Whether it was made with the operator's key.
    Wholesale,
    /// Whether it came by the OpenAI-compatible endpoint.
    Compatibility,
    /// What was done about secrets in it: nothing, as yet.
    DlpAction,
    /// The caller's program.
    UserAgent,
    /// What kind of request.
    RequestType,
    /// `Content-Type` of the request.
    RequestContentType,
    /// `Content-Type` of the answer.
    ResponseContentType,
}

/// What a field's values are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// Yes or no, as 1 or 0.
    Flag,
    /// A time, in milliseconds.
    Time,
    /// Money, in nano-units.
    Money,
}

impl Field {
    /// What its values are like.
    pub const fn kind(self) -> Kind {
        match self {
            Self::CreatedAt => Kind::Time,
            Self::Cost => Kind::Money,
            Self::Success | Self::Cached | Self::Authentication => Kind::Flag,
            Self::Wholesale | Self::Compatibility => Kind::Flag,
            Self::Tokens | Self::TokensIn | Self::TokensOut => Kind::Number,
            Self::Duration | Self::Feedback => Kind::Number,
            _ => Kind::Text,
        }
    }

    const fn column(self) -> &'static str {
        match self {
            Self::Id | Self::CreatedAt => "id",
            Self::ModelType => "model_type",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Success => "success",
            Self::Cached => "cached",
            Self::Cost => "cost",
            Self::Tokens => "(COALESCE(tokens_in, 0) + COALESCE(tokens_out, 0))",
            Self::TokensIn => "tokens_in",
            Self::TokensOut => "tokens_out",
            Self::Duration => "duration",
            Self::Feedback => "feedback",
            Self::EventId => "event_id",
            Self::MetadataKey => "m.key",
            Self::MetadataValue => "m.value",
            Self::Metadata => "metadata",
            Self::Authentication => "authentication",
            Self::Wholesale => "(CASE key_source WHEN 'operator' THEN 1 ELSE 0 END)",
            Self::Compatibility => "compatibility",
            Self::DlpAction => "CAST(NULL AS TEXT)",
            Self::UserAgent => "user_agent",
            Self::RequestType => "request_type",
            Self::RequestContentType => "request_content_type",
            Self::ResponseContentType => "response_content_type",
        }
    }
}

/// How a field is compared with a filter's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// It is one of them.
    Equal,
    /// It is none of them.
    NotEqual,
    /// It contains one of them; for texts.
    Contains,
    /// It is below every one.
    Below,
    /// It is above every one.
    Above,
    /// It is at least every one.
    AtLeast,
    /// It is at most every one.
    AtMost,
}

/// One condition; several must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What it looks at.
    pub field: Field,
    /// How.
    pub operator: Operator,
    /// With what: values of the field's kind, or null for a field that is not there. At least one.
    pub values: Vec<Value>,
}

impl Filter {
    /// The condition for the row of a log, its values being added to the parameters. `$1` is the gateway.
    pub(super) fn sql(&self, params: &mut Vec<Value>) -> String {
        let (not, operator) = match (self.field, self.operator) {
            // No entry that is like them, rather than one that isn't.
            (Field::MetadataKey | Field::MetadataValue, Operator::NotEqual) => {
                ("NOT ", Operator::Equal)
            }
            (_, operator) => ("", operator),
        };
        let condition = self.condition(operator, params);
        let from = "FROM log_metadata m WHERE";
        match self.field {
            // Most logs have the keys that are asked for, and few the value: the one is looked up log by
            // log, until the page is full, the other first.
            Field::MetadataKey => {
                format!("{not}EXISTS (SELECT 1 {from} m.log = logs.id AND {condition})")
            }
            Field::MetadataValue => {
                format!("id {not}IN (SELECT m.log {from} m.gateway = $1 AND {condition})")
            }
            _ => condition,
        }
    }

    fn condition(&self, operator: Operator, params: &mut Vec<Value>) -> String {
        if self.field == Field::CreatedAt {
            return self.by_time(operator, params);
        }
        let column = self.field.column();
        let mut compared = |sign: &str| {
            let values = self.values.iter().map(|value| match value {
                Value::Null if sign == "<>" => format!("{column} IS NOT NULL"),
                Value::Null => format!("{column} IS NULL"),
                value => format!("{column} {sign} {}", number(self.stored(value), params)),
            });
            values.collect::<Vec<_>>()
        };
        match operator {
            Operator::Equal => any(compared("=")),
            Operator::NotEqual => {
                let other = all(compared("<>"));
                // What is not there is something else than whatever is named.
                match self.values.contains(&Value::Null) {
                    true => other,
                    false => format!("({column} IS NULL OR {other})"),
                }
            }
            Operator::Contains => any(self.containing(params)),
            Operator::Below => all(compared("<")),
            Operator::Above => all(compared(">")),
            Operator::AtLeast => all(compared(">=")),
            Operator::AtMost => all(compared("<=")),
        }
    }

    /// A value as its column has it: an id may be written in two forms.
    fn stored(&self, value: &Value) -> Value {
        let id = match (self.field, value) {
            (Field::Id, Value::Text(text)) => text.parse::<LogId>().ok(),
            _ => None,
        };
        id.map_or_else(|| value.clone(), Value::from)
    }

    fn containing(&self, params: &mut Vec<Value>) -> Vec<String> {
        let mut found = self.like(params);
        if self.field == Field::Id {
            found.extend(self.beginning(params));
        }
        found
    }

    /// Ids that begin as the values do. The column has a UUID in another form, in which no other part can be looked for.
    fn beginning(&self, params: &mut Vec<Value>) -> Vec<String> {
        let spans = self.values.iter().filter_map(|value| match value {
            Value::Text(text) => LogId::beginning_with(text),
            _ => None,
        });
        let mut between = |(first, last): (LogId, LogId)| {
            let (first, last) = (number(first.into(), params), number(last.into(), params));
            format!("(id >= {first} AND id <= {last})")
        };
        spans.map(&mut between).collect()
    }

    fn like(&self, params: &mut Vec<Value>) -> Vec<String> {
        let column = self.field.column();
        let texts = self.values.iter().filter_map(|value| match value {
            Value::Text(text) => Some(containing(text)),
            _ => None,
        });
        let mut like = |pattern| {
            let pattern = number(pattern, params);
            format!("LOWER({column}) LIKE LOWER({pattern}) ESCAPE '\\'")
        };
        texts.map(&mut like).collect()
    }

    /// An id says when its call came in, so that a time is a range of ids.
    fn by_time(&self, operator: Operator, params: &mut Vec<Value>) -> String {
        let mut id = |sign: &str, millis: i64| {
            let first = LogId::first_at(Timestamp::from_millis(millis));
            format!("id {sign} {}", number(first.into(), params))
        };
        let times = self.values.iter().filter_map(|value| match value {
            Value::Int(millis) => Some((*millis, millis.saturating_add(1))),
            _ => None,
        });
        let compared = times.map(|(begin, end)| match operator {
            Operator::Equal | Operator::Contains => {
                format!("({} AND {})", id(">=", begin), id("<", end))
            }
            Operator::NotEqual => format!("({} OR {})", id("<", begin), id(">=", end)),
            Operator::Below => id("<", begin),
            Operator::Above => id(">=", end),
            Operator::AtLeast => id(">=", begin),
            Operator::AtMost => id("<", end),
        });
        let compared = compared.collect();
        match operator {
            Operator::Equal | Operator::Contains => any(compared),
            _ => all(compared),
        }
    }
}

/// The place of a value that is added to the parameters.
fn number(value: Value, params: &mut Vec<Value>) -> String {
    params.push(value);
    format!("${}", params.len())
}

fn any(conditions: Vec<String>) -> String {
    match conditions.is_empty() {
        true => "1 = 0".to_owned(),
        false => format!("({})", conditions.join(" OR ")),
    }
}

fn all(conditions: Vec<String>) -> String {
    match conditions.is_empty() {
        true => "1 = 0".to_owned(),
        false => format!("({})", conditions.join(" AND ")),
    }
}

/// By what logs are ordered; those that are alike by their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// When the call came in.
    CreatedAt,
    /// The provider.
    Provider,
    /// The model.
    Model,
    /// What kind of model.
    ModelType,
    /// Whether it succeeded.
    Success,
    /// Whether the answer was a kept one.
    Cached,
    /// What it is worth.
    Cost,
    /// Tokens read.
    TokensIn,
    /// Tokens written.
    TokensOut,
    /// How long it took.
    Duration,
    /// What somebody thinks of it.
    Feedback,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

impl Order {
    /// What follows `ORDER BY`. What is not there counts as the smallest, on either engine.
    pub(super) fn sql(self, direction: Direction) -> String {
        let way = match direction {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        };
        let nulls = match direction {
            Direction::Ascending => "NULLS FIRST",
            Direction::Descending => "NULLS LAST",
        };
        match self.column() {
            None => format!("id {way}"),
            Some(column) => format!("{column} {way} {nulls}, id {way}"),
        }
    }

    const fn column(self) -> Option<&'static str> {
        match self {
            Self::CreatedAt => None,
            Self::Provider => Some("provider"),
            Self::Model => Some("model"),
            Self::ModelType => Some("model_type"),
            Self::Success => Some("success"),
            Self::Cached => Some("cached"),
            Self::Cost => Some("cost"),
            Self::TokensIn => Some("tokens_in"),
            Self::TokensOut => Some("tokens_out"),
            Self::Duration => Some("duration"),
            Self::Feedback => Some("feedback"),
        }
    }
}
