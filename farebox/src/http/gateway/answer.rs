//! An answer of the proxy's as one of HTTP's.

use axum::body::Body;
use axum::response::Response;
use futures_util::stream;

use crate::proxy::{self, Answer};

/// The answer, its body as it comes.
pub fn render(answer: Answer) -> Response {
    let body = match answer.body {
        proxy::Body::Whole(bytes) => Body::from(bytes),
        proxy::Body::Pieces(pieces) => {
            Body::from_stream(stream::unfold(pieces, async |mut pieces| {
                let piece = pieces.recv().await?;
                Some((piece, pieces))
            }))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
