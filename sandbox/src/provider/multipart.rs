//! Forms of several parts, as files come in.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

/// The form as an object: a field is its text, a file its name and its length in bytes. `None`
/// where the request is no such form, or it is broken.
pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if !kind.starts_with("multipart/form-data") {
        return None;
    }
    let (_, boundary) = kind.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim_matches('"');
    let delimiter = format!("\r\n--{boundary}");
    let mut form = Map::new();
    // The first delimiter has no line before it, and what is before it is nobody's.
    let mut rest = body.get(find(body, delimiter.get(2..)?.as_bytes())?..)?;
    rest = rest.get(delimiter.len() - 2..)?;
    while !rest.starts_with(b"--") {
        let part = rest.strip_prefix(b"\r\n")?;
        let end = find(part, delimiter.as_bytes())?;
        let (name, value) = field(&part[..end])?;
        form.insert(name, value);
        rest = &part[end + delimiter.len()..];
    }
    Some(Value::Object(form))
}

fn field(part: &[u8]) -> Option<(String, Value)> {
    let end = find(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&part[..end]).ok()?;
    let content = &part[end + 4..];
    let name = parameter(head, "name")?;
    let value = match parameter(head, "filename") {
        Some(file) => json!({ "filename": file, "bytes": content.len() }),
        None => json!(String::from_utf8_lossy(content)),
    };
    Some((name, value))
}

/// A parameter of the line `Content-Disposition`.
fn parameter(head: &str, name: &str) -> Option<String> {
    let is_disposition = |line: &&str| {
        line.to_ascii_lowercase()
            .starts_with("content-disposition:")
    };
    let line = head.lines().find(is_disposition)?;
    let (_, after) = line.split_once(&format!("; {name}=\""))?;
    Some(after.split('"').next()?.to_owned())
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Option<Value> {
        let mut headers = HeaderMap::new();
        let kind = "multipart/form-data; boundary=xyz".parse().unwrap();
        headers.insert(header::CONTENT_TYPE, kind);
        parse(&headers, body.as_bytes())
    }

    #[test]
    fn fields_and_files_are_told_apart() {
        let body = "--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
                    --xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
                    Content-Type: audio/wav\r\n\r\nab\r\ncd\r\n--xyz--\r\n";
        let expected = json!({ "model": "whisper-1", "file": { "filename": "a.wav", "bytes": 6 } });
        assert_eq!(parsed(body), Some(expected));
        for end in 0..body.len() - 4 {
            assert_eq!(parsed(&body[..end]), None, "{end}");
        }
        assert_eq!(parse(&HeaderMap::new(), body.as_bytes()), None);
    }
}
