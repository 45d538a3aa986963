//! A request's body, read whole and decoded. The limit holds for both sizes: what arrives, and what it decodes to.

use std::io::{self, Read};

use axum::body::Body;
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::App;
use crate::http::gateway::incoming::{self, bad_format};
use crate::proxy::{ProxyError, Zstd, codes};

/// From how many bytes on a body is decoded on a thread for work that blocks: shorter ones take microseconds.
const SHORT: usize = 16 * 1024;

/// What a body can be encoded with (RFC 9110, section 8.4.1; RFC 8878). Brotli is left out: no client of a
/// provider's sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Zstd,
}

/// The codings that [`read`] takes, as `Accept-Encoding` lists them.
pub const CODINGS: &str = "gzip, deflate, zstd";

/// Reads the body and decodes it. `Content-Encoding` goes from the headers: what is passed on is decoded.
///
/// # Errors
/// [`codes::TOO_LARGE`], [`codes::ENCODING`], and [`codes::BAD_FORMAT`] if the body is cut or isn't encoded as it says.
pub async fn read(app: &App, headers: &mut HeaderMap, body: Body) -> Result<Bytes, ProxyError> {
    let max = app.config.gateway.body_limit_bytes;
    let coding = coding(headers)?;
    let body = collect(body, max).await?;
    let Some(coding) = coding else {
        return Ok(body);
    };
    headers.remove(CONTENT_ENCODING);
    match body.len() {
        0 => Ok(body),
        1..SHORT => decode(coding, &body, max),
        _ => {
            let decoding = tokio::task::spawn_blocking(move || decode(coding, &body, max));
            decoding.await.map_err(ProxyError::internal)?
        }
    }
}

async fn collect(body: Body, max: usize) -> Result<Bytes, ProxyError> {
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(incoming::too_large(max)),
        Err(_) => Err(bad_format(
            "The request's body ended before it was complete.",
        )),
    }
}

fn too_large_decoded(max: usize) -> ProxyError {
    let message = format!(
        "The request's body is larger than the limit of {max} bytes once it is decoded. Send less."
    );
    ProxyError::new(StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_LARGE, message)
}

/// The coding of the body; `None` if it has none.
fn coding(headers: &HeaderMap) -> Result<Option<Coding>, ProxyError> {
    let values = headers.get_all(CONTENT_ENCODING).into_iter();
    let text: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let text = text.join(",").to_ascii_lowercase();
    let words = text.split(',').map(str::trim);
    let mut words = words.filter(|word| !word.is_empty() && *word != "identity");
    let coding = match words.next() {
        None => return Ok(None),
        Some("gzip" | "x-gzip") => Coding::Gzip,
        Some("deflate") => Coding::Deflate,
        Some("zstd") => Coding::Zstd,
        Some(_) => return Err(unknown(&text)),
    };
    match words.next() {
        None => Ok(Some(coding)),
        Some(_) => Err(unknown(&text)),
    }
}

fn unknown(text: &str) -> ProxyError {
    let text: String = text.chars().take(64).collect();
    let message = format!(
        "The gateway can't decode a body with Content-Encoding: {text}. Send the body without Content-Encoding, \
         or with one of {CODINGS}."
    );
    ProxyError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, codes::ENCODING, message)
}

fn decode(coding: Coding, body: &[u8], max: usize) -> Result<Bytes, ProxyError> {
    let decoded = match coding {
        Coding::Gzip => at_most(MultiGzDecoder::new(body), max),
        Coding::Deflate => at_most(ZlibDecoder::new(body), max),
        Coding::Zstd => at_most(Zstd::new(body, max), max),
    };
    match decoded {
        Ok(Some(decoded)) => Ok(Bytes::from(decoded)),
        Ok(None) => Err(too_large_decoded(max)),
        Err(error) => Err(bad_format(format!(
            "The request's body is not what its Content-Encoding says: {error}."
        ))),
    }
}

/// Everything that there is to read; `None` if it is more than `max` bytes.
fn at_most(reader: impl Read, max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut decoded = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut decoded)?;
    Ok((decoded.len() <= max).then_some(decoded))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(body: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(body, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn a_body_is_decoded_up_to_the_limit() {
        let body = b"{\"model\": \"gpt-4o\"}".repeat(1000);
        for (coding, encoded) in [
            (Coding::Gzip, gzip(&body)),
            (Coding::Deflate, zlib(&body)),
            (Coding::Zstd, zstd(&body)),
            (
                Coding::Gzip,
                [gzip(&body[..500]), gzip(&body[500..])].concat(),
            ),
            (
                Coding::Zstd,
                [zstd(&body[..500]), zstd(&body[500..])].concat(),
            ),
        ] {
            assert!(encoded.len() < body.len() / 5, "{coding:?}");
            let decoded = decode(coding, &encoded, body.len());
            assert_eq!(decoded.unwrap(), body, "{coding:?}");
            let error = decode(coding, &encoded, body.len() - 1).unwrap_err();
            assert_eq!(error.code, codes::TOO_LARGE, "{coding:?}");
            let cut = &encoded[..encoded.len() / 2];
            let error = decode(coding, cut, body.len()).unwrap_err();
            assert_eq!(error.code, codes::BAD_FORMAT, "{coding:?}");
            assert!(
                decode(coding, b"{\"model\": 1}", 1000).is_err(),
                "{coding:?}"
            );
        }
    }

    #[test]
    fn a_bomb_is_read_no_further_than_the_limit() {
        let bomb = vec![0; 2 * 1024 * 1024];
        for (coding, encoded) in [(Coding::Gzip, gzip(&bomb)), (Coding::Zstd, zstd(&bomb))] {
            assert!(
                encoded.len() < bomb.len() / 100,
                "{coding:?} {}",
                encoded.len()
            );
            let mut reader: Box<dyn Read> = match coding {
                Coding::Zstd => Box::new(Zstd::new(&encoded, 1000)),
                _ => Box::new(MultiGzDecoder::new(encoded.as_slice())),
            };
            assert_eq!(at_most(&mut reader, 1000).unwrap(), None);
            // What is left has not been decoded.
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            assert_eq!(rest.len(), bomb.len() - 1001, "{coding:?}");
        }
    }

    #[test]
    fn a_window_above_the_limit_is_refused() {
        let long = [0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 1, 0, 0];
        let error = decode(Coding::Zstd, &long, 1000).unwrap_err();
        assert!(error.message.contains("window"), "{}", error.message);
    }

    #[test]
    fn a_coding_is_named_or_refused() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            coding(&headers).map_err(|error| (error.status.as_u16(), error.message))
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[""]), Ok(None));
        assert_eq!(of(&["identity"]), Ok(None));
        assert_eq!(of(&["GZIP"]), Ok(Some(Coding::Gzip)));
        assert_eq!(of(&["x-gzip, identity"]), Ok(Some(Coding::Gzip)));
        assert_eq!(of(&["zstd"]), Ok(Some(Coding::Zstd)));
        for wrong in [&["br"][..], &["gzip", "zstd"], &["gzip, gzip"]] {
            let (status, message) = of(wrong).unwrap_err();
            assert_eq!(status, 415, "{wrong:?}");
            assert!(message.contains("Content-Encoding"), "{message}");
        }
    }
}
