//! How many pages a PDF has (ISO 32000-1, 7.7.3): a page is an object of `/Type /Page`. They stand in the file as
//! text, or together in compressed object streams (7.5.7), which are read as well.
//!
//! The page tree's own `/Count` is a number that the file says of itself and nobody checks, so the larger of both
//! counts.

use flate2::{Decompress, FlushDecompress};
use memchr::memmem;

/// An object stream has some hundred objects of some tens of bytes. What is larger is no such thing, or a trap.
const STREAM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// All of a file's object streams.
const STREAMS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The pages; `None` if it is no PDF, is encrypted, or shows none.
pub(super) fn pages(bytes: &[u8]) -> Option<u64> {
    let head = bytes.get(..1024).unwrap_or(bytes);
    memmem::find(head, b"%PDF-")?;
    // The text of an encrypted file's object streams can't be read without its key.
    if memmem::find(bytes, b"/Encrypt").is_some() {
        return None;
    }
    let mut found = Found::default();
    found.look(bytes);
    let mut left = STREAMS_BYTES_MAX;
    for at in memmem::find_iter(bytes, b"/ObjStm") {
        let text = object_stream(bytes.get(at..)?)?;
        left = left.checked_sub(text.len())?;
        found.look(&text);
    }
    Some(found.pages.max(found.count)).filter(|pages| *pages > 0)
}

#[derive(Default)]
struct Found {
    /// Objects of the type.
    pages: u64,
    /// The largest `/Count`.
    count: u64,
}

impl Found {
    fn look(&mut self, text: &[u8]) {
        for at in memmem::find_iter(text, b"/Type") {
            let value = text.get(at.saturating_add(5)..).unwrap_or_default();
            let name = value.trim_ascii_start().strip_prefix(b"/Page");
            let is_page = name.is_some_and(|rest| {
                let next = rest.first();
                next.is_none_or(|next| !next.is_ascii_alphanumeric())
            });
            self.pages = self.pages.saturating_add(u64::from(is_page));
        }
        for at in memmem::find_iter(text, b"/Count") {
            let value = text.get(at.saturating_add(6)..).unwrap_or_default();
            let count = number(value.trim_ascii_start());
            // Outlines have counts, too; a PDF of more pages is one that no provider takes.
            self.count = self
                .count
                .max(count.filter(|count| *count <= 10_000).unwrap_or(0));
        }
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

/// The objects in a stream that begins behind the dictionary at the beginning of `bytes`; `None` if it can't be
/// read.
fn object_stream(bytes: &[u8]) -> Option<Vec<u8>> {
    let begin = memmem::find(bytes, b"stream")?.saturating_add(6);
    let dictionary = bytes.get(..begin)?;
    let data = bytes.get(begin..)?;
    let data = data.strip_prefix(b"\r").unwrap_or(data);
    let data = data.strip_prefix(b"\n").unwrap_or(data);
    let end = memmem::find(data, b"endstream")?;
    let data = data.get(..end)?;
    match memmem::find(dictionary, b"/Filter") {
        // Without a filter it is text, which has been looked at with the rest of the file.
        None => Some(Vec::new()),
        Some(_) => inflate(data),
    }
}

fn inflate(data: &[u8]) -> Option<Vec<u8>> {
    let mut unpacked = Vec::with_capacity(data.len().saturating_mul(8).min(STREAM_BYTES_MAX));
    let mut inflater = Decompress::new(true);
    loop {
        let read = usize::try_from(inflater.total_in()).ok()?;
        let before = (inflater.total_in(), inflater.total_out());
        let rest = data.get(read..)?;
        let status = inflater.decompress_vec(rest, &mut unpacked, FlushDecompress::None);
        match status.ok()? {
            _ if unpacked.len() > STREAM_BYTES_MAX => return None,
            flate2::Status::StreamEnd => return Some(unpacked),
            _ if unpacked.len() == unpacked.capacity() => unpacked.reserve(64 * 1024),
            _ if before == (inflater.total_in(), inflater.total_out()) => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut packer =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    fn in_stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
        let head = format!("%PDF-1.7\n1 0 obj\n<</Type /ObjStm {dictionary}>>\nstream\r\n");
        [head.as_bytes(), data, b"\nendstream\nendobj\n"].concat()
    }

    #[test]
    fn pages_are_counted() {
        let plain =
            "%PDF-1.4\n<</Type /Pages /Count 2>>\n<</Type/Page/Parent 1 0 R>>\n<</Type /Page>>";
        assert_eq!(pages(plain.as_bytes()), Some(2));
        let said = "%PDF-1.4\n<</Type/Pages/Count 41>>\n<</Type/Page>>";
        assert_eq!(pages(said.as_bytes()), Some(41));
        let objects = "<</Type/Pages/Kids[1 0 R]/Count 3>><</Type/Page>>".repeat(3);
        let compressed = in_stream("/Filter /FlateDecode", &packed(&objects));
        assert_eq!(pages(&compressed), Some(3));
        assert_eq!(pages(&in_stream("", objects.as_bytes())), Some(3));
    }

    #[test]
    fn what_cannot_be_read_has_no_pages() {
        let bomb = packed(&"<</Type/Page>>".repeat(400_000));
        for bytes in [
            b"".to_vec(),
            b"not a PDF /Type/Page".to_vec(),
            b"%PDF-1.4 and nothing else".to_vec(),
            b"%PDF-1.4 /Encrypt 3 0 R <</Type/Page>>".to_vec(),
            in_stream("/Filter /FlateDecode", b"no deflate"),
            in_stream("/Filter /LZWDecode", b"no deflate either"),
            in_stream("/Filter /FlateDecode", &bomb),
        ] {
            assert_eq!(pages(&bytes), None, "{}", bytes.len());
        }
    }
}
