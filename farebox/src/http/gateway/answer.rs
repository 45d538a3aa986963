//! An answer of the proxy's as one of HTTP's.

use axum::body::Body;
use axum::response::Response;
use futures_util::{FutureExt, stream};
use http_body_util::BodyExt;

use crate::proxy::{self, Answer};

/// The answer, its body as it comes.
pub fn render(answer: Answer) -> Response {
    let body = match answer.body {
        proxy::Body::Whole(bytes) => Body::from(bytes),
        proxy::Body::Pieces(pieces) => {
            Body::from_stream(stream::unfold(pieces, async |mut pieces| {
                let piece = pieces.recv().await?;
                if piece.is_err() {
                    // The server writes what it has only when nothing more is to be had at once, and after an
                    // error not at all.
                    tokio::task::yield_now().await;
                }
                Some((piece, pieces))
            }))
        }
    };
    let body = match answer.trailers {
        // Fused, because a body may be asked again after its end.
        Some(trailers) => {
            Body::new(body.with_trailers(async { trailers.await.ok().map(Ok) }.fuse()))
        }
        None => body,
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
