//! The address of a call, from its text to what is connected to.
//!
//! The URL standard decides what an address means: it takes out dots and line breaks, and writes hosts and odd
//! characters anew. Nearly every call's address is already as the standard would write it, and is read once; any
//! other is written anew first.

use std::net::Ipv4Addr;

use http::Uri;
use reqwest::Url;

/// Why a text is no address that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It can't be read.
    #[error("the path leads to no address: it is too long, or malformed")]
    Malformed,
    /// It has a user or a password in it, which would be sent to nobody.
    #[error("an address must not have a user or a password in it")]
    Credentials,
}

/// The address that a text means by the URL standard (url.spec.whatwg.org).
///
/// # Errors
/// [`AddressError`].
pub fn uri(text: String) -> Result<Uri, AddressError> {
    let written = match is_as_written(&text) {
        true => text,
        false => anew(&text)?,
    };
    Uri::try_from(written).map_err(|_| AddressError::Malformed)
}

fn anew(text: &str) -> Result<String, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::Malformed)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Credentials);
    }
    Ok(url.into())
}

/// Whether the standard would surely write it in just these bytes. What is left out here is only slower.
fn is_as_written(text: &str) -> bool {
    let after = |scheme| text.strip_prefix(scheme);
    let Some(rest) = after("https://").or_else(|| after("http://")) else {
        return false;
    };
    let Some((authority, path)) = rest.split_once('/') else {
        return false;
    };
    let is_near = match authority.split_once(':') {
        Some((host, port)) => is_host(host) && is_port(port),
        None => is_host(authority),
    };
    is_near && is_path(path)
}

/// A name in small ASCII letters or an IPv4 address, and nothing that could be either (`127.1`, `0x7f.1`).
fn is_host(host: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_name = host.bytes().all(is_plain)
        && last.starts_with(|first: char| first.is_ascii_lowercase())
        && !host.contains("xn--");
    is_name || host.parse::<Ipv4Addr>().is_ok()
}

/// Not the scheme's own, which is not written.
fn is_port(port: &str) -> bool {
    let is_written = !port.starts_with(['0', '+']) && !matches!(port, "80" | "443");
    is_written && port.parse::<u16>().is_ok()
}

/// Without a percent sign no segment can mean dots in another way.
fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/?".contains(&byte);
    path.bytes().all(is_plain) && !path.starts_with('.') && !path.contains("/.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each with what it is taken for, and whether that takes the long way.
    #[test]
    fn an_address_is_what_the_url_standard_says() {
        for (text, expected, is_anew) in [
            ("https://api.example.com/v1/chat", "", false),
            ("http://127.0.0.1:4000/v1/chat?a=b&c=d/e", "", false),
            ("https://a-1.example:8443/m/g-2.5:gen?alt=sse", "", false),
            ("https://a.example//x/", "", false),
            ("https://a.example/x%2Fy", "", true),
            ("https://a.example/x/../y", "https://a.example/y", true),
            ("https://a.example/x/%2e%2E/y", "https://a.example/y", true),
            ("https://a.example/x/.%2e/y", "https://a.example/y", true),
            ("https://a.example/..", "https://a.example/", true),
            ("https://a.example/./x", "https://a.example/x", true),
            ("https://a.example/x/.\t./y", "https://a.example/y", true),
            ("https://a.example/x\\y", "https://a.example/x/y", true),
            ("https://a.example/x#y", "https://a.example/x", true),
            (
                "https://a.example/ä ö",
                "https://a.example/%C3%A4%20%C3%B6",
                true,
            ),
            (
                "https://a.example/x?q=ä'",
                "https://a.example/x?q=%C3%A4%27",
                true,
            ),
            (
                "https://bücher.example/v1",
                "https://xn--bcher-kva.example/v1",
                true,
            ),
            ("https://xn--bcher-kva.example/v1", "", true),
            ("HTTPS://A.Example:443/x", "https://a.example/x", true),
            ("http://a.example:80/x", "http://a.example/x", true),
            ("http://a.example:08080/x", "http://a.example:8080/x", true),
            ("https://a.example?x=y", "https://a.example/?x=y", true),
            ("https://a.example", "https://a.example/", true),
            ("https://127.1/x", "https://127.0.0.1/x", true),
            ("https://0x7f.1/x", "https://127.0.0.1/x", true),
            ("https://2130706433/x", "https://127.0.0.1/x", true),
            (
                "http://[::FFFF:7f00:1]:99/x",
                "http://[::ffff:7f00:1]:99/x",
                true,
            ),
        ] {
            let expected = if expected.is_empty() { text } else { expected };
            assert_eq!(!is_as_written(text), is_anew, "{text}");
            let read = uri(text.to_owned()).unwrap();
            assert_eq!(read.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn whatever_takes_the_short_way_is_what_the_standard_would_write() {
        let mut short = 0;
        // One of each kind of letter, and everything else.
        let is_telling =
            |byte: &u8| !byte.is_ascii_alphanumeric() || b"0189aAefxXzZ".contains(byte);
        let telling: Vec<u8> = (0..=127).filter(is_telling).collect();
        let pairs = telling
            .iter()
            .flat_map(|one| telling.iter().map(move |other| (*one, *other)));
        for (one, other) in pairs {
            let (one, other) = (char::from(one), char::from(other));
            for text in [
                format!("https://a.example/{one}{other}"),
                format!("https://a.example/x{one}{other}/y?z={one}{other}"),
                format!("https://a.example/x/{one}{other}/y"),
                format!("http://a{one}{other}b.example/"),
                format!("http://a.b{one}{other}/"),
                format!("http://a.{one}{other}/"),
                format!("http://10.0.0.{one}{other}/"),
                format!("http://10.0.{one}{other}/"),
                format!("http://{one}{other}/"),
                format!("http://a.example:{one}{other}/"),
                format!("http://a.example:4{one}{other}/"),
                format!("http{one}{other}//a.example/x"),
            ] {
                if is_as_written(&text) {
                    let url = Url::parse(&text).unwrap();
                    assert_eq!(url.as_str(), text);
                    assert_eq!(uri(text.clone()).unwrap().to_string(), text);
                    short += 1;
                }
            }
        }
        assert!(short > 1_000, "{short}");
    }

    #[test]
    fn no_user_is_sent_along_and_what_is_no_address_is_refused() {
        let long = format!("https://a.example/{}", "x".repeat(70_000));
        for (text, expected) in [
            ("https://user:pass@a.example/", AddressError::Credentials),
            ("https://user@a.example/", AddressError::Credentials),
            ("https://:pass@a.example/x", AddressError::Credentials),
            ("https://a b/", AddressError::Malformed),
            ("https:///", AddressError::Malformed),
            ("a.example/x", AddressError::Malformed),
            (&long, AddressError::Malformed),
        ] {
            assert_eq!(uri(text.to_owned()), Err(expected), "{text}");
        }
    }
}
