//! What providers say, seen from outside: recorded requests and answers with what is to be read off them,
//! in any pieces, cut anywhere, and spoilt.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod compat;
mod cuts;
mod dialects;
mod edits;
mod ending;
mod endpoint;
mod golden;
mod priced;
mod settled;
mod source;
mod splits;
mod sse;
mod usage_chunk;
