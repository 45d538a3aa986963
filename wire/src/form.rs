//! `multipart/form-data`, as far as uploads of sound and images need it (RFC 7578).

/// A field of a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) name: String,
    pub(crate) is_file: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Field<'a> {
    /// The value as text; `None` where it is none.
    pub(crate) fn text(&self) -> Option<&'a str> {
        str::from_utf8(self.value).ok()
    }
}

/// The form's fields; `None` where the body is no form with that content type.
pub(crate) fn fields<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<Field<'a>>> {
    let delimiter = format!("--{}", boundary(content_type)?);
    let delimiter = delimiter.as_bytes();
    let mut rest = body.strip_prefix(delimiter)?;
    let next = [b"\r\n", delimiter].concat();
    let mut fields = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, &next)?;
        let (part, after) = part.split_at_checked(end)?;
        fields.push(field(part)?);
        rest = after.strip_prefix(next.as_slice())?;
    }
    rest.starts_with(b"--").then_some(fields)
}

/// Also for content types written in capitals and boundaries in quotes.
fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    let is_form = parts.next()?.eq_ignore_ascii_case("multipart/form-data");
    let mut named = parts.filter_map(|part| part.split_once('='));
    let (_, value) = named.find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let value = value.trim_matches('"');
    (is_form && !value.is_empty()).then_some(value)
}

fn field(part: &[u8]) -> Option<Field<'_>> {
    let end = find(part, b"\r\n\r\n")?;
    let (head, value) = part.split_at_checked(end)?;
    let head = str::from_utf8(head).ok()?;
    let is_disposition = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("content-disposition")
    };
    let disposition = head.split("\r\n").find(is_disposition)?;
    let mut parameters = disposition.split(';').map(str::trim);
    let quoted = |value: &str| value.trim_matches('"').to_owned();
    let name = parameters
        .clone()
        .find_map(|parameter| parameter.strip_prefix("name=").map(quoted))?;
    let is_file = parameters.any(|parameter| parameter.starts_with("filename"));
    Some(Field {
        name,
        is_file,
        value: value.strip_prefix(b"\r\n\r\n")?,
    })
}

/// Where the needle begins. Uploads are large and full of every byte, so that only what begins like the
/// needle is compared.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    while let Some(rest) = haystack.get(from..) {
        let offset = rest.iter().position(|byte| byte == first)?;
        let at = from.checked_add(offset)?;
        if haystack.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at.checked_add(1)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{fields, find};

    const FORM: &str = "--x1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
        --x1\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a;b.mp3\"\r\n\
        Content-Type: audio/mpeg\r\n\r\n\x00\r\n--x\r\n--x1--\r\n";

    #[test]
    fn a_form_is_read() {
        let fields = fields(
            "Multipart/Form-Data; charset=x; boundary=\"x1\"",
            FORM.as_bytes(),
        );
        let told: Vec<String> = fields
            .unwrap()
            .iter()
            .map(|field| {
                format!(
                    "{} {} {:?}",
                    field.name,
                    field.is_file,
                    field.text().unwrap()
                )
            })
            .collect();
        assert_eq!(
            told,
            ["model false \"whisper-1\"", "file true \"\\0\\r\\n--x\""]
        );
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let read = |content_type, body: &str| fields(content_type, body.as_bytes()).is_some();
        let kind = "multipart/form-data; boundary=x1";
        assert!(read(kind, "--x1--"));
        for wrong in [
            "",
            "--x1",
            "--x2--",
            "--x1\r\n",
            "--x1\r\nname\r\n--x1--",
            "--x1\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x1--",
            "--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx",
            "{}",
        ] {
            assert!(!read(kind, wrong), "{wrong}");
        }
        assert!(!read("application/json", FORM));
        assert!(!read("multipart/form-data", FORM));
    }

    #[test]
    fn a_needle_is_found_where_it_begins() {
        assert_eq!(find(b"aab aab", b"ab"), Some(1));
        assert_eq!(find(b"aab", b"c"), None);
        assert_eq!(find(b"a", b"ab"), None);
    }
}
