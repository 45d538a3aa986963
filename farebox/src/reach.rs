//! Where requests to providers of an account's own may go: whoever can name an address must not get at what
//! only this machine, or its network, can reach.
//!
//! A name is nothing to rely on, since it may lead somewhere else a moment later: what counts is each
//! address that is about to be connected to, also after a redirect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

/// What is in reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Whether private addresses are too: `[gateway] allow_private_upstreams`.
    pub private: bool,
}

/// Why an address is not in reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    /// It can't be read.
    #[error("write an address such as https://llm.example.com/v1")]
    Malformed,
    /// It is not https.
    #[error("write https://: what is sent there has to be kept secret on the way")]
    NotHttps,
    /// It has a user or a password in it.
    #[error("leave out the user and the password: store a key, or use headers")]
    Credentials,
    /// It has a query or a fragment.
    #[error("leave out what follows ? or #: paths are appended to the address")]
    Query,
    /// It leads to this machine or its network.
    #[error("{0} is an address of this machine or its network; the operator can allow that")]
    Private(String),
}

impl Reach {
    /// Checks the base of a provider's address. What its name leads to is for [`Reach::check_address`].
    ///
    /// # Errors
    /// [`OutOfReach`].
    pub fn check_base(self, text: &str) -> Result<Url, OutOfReach> {
        // The URL's own grammar drops line breaks and tabs, which would stand in what is stored.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(OutOfReach::Malformed);
        }
        let url = Url::parse(text).map_err(|_| OutOfReach::Malformed)?;
        // On a network of one's own there is often nobody to issue a certificate.
        let is_fit = url.scheme() == "https" || (self.private && url.scheme() == "http");
        if !is_fit {
            return Err(OutOfReach::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutOfReach::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(OutOfReach::Query);
        }
        match literal(&url) {
            Some(address) => self.check_address(address)?,
            None if self.private => {}
            None if is_local_name(url.host_str().unwrap_or_default()) => {
                return Err(OutOfReach::Private(
                    url.host_str().unwrap_or_default().to_owned(),
                ));
            }
            None => {}
        }
        Ok(url)
    }

    /// Checks an address that is about to be connected to.
    ///
    /// # Errors
    /// [`OutOfReach::Private`].
    pub fn check_address(self, address: IpAddr) -> Result<(), OutOfReach> {
        match self.private || is_public(address) {
            true => Ok(()),
            false => Err(OutOfReach::Private(address.to_string())),
        }
    }

    /// Checks everything that a name has led to: one address out of reach is enough to refuse it.
    ///
    /// # Errors
    /// [`OutOfReach::Private`].
    pub fn check_all(self, addresses: &[SocketAddr]) -> Result<(), OutOfReach> {
        addresses
            .iter()
            .try_for_each(|address| self.check_address(address.ip()))
    }
}

/// The address that a URL has in place of a name. The URL's own grammar has read `127.1` and the like.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inside.unwrap_or(host).parse().ok()
}

fn is_local_name(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost") || !host.contains('.')
}

/// Whether an address is of the public Internet: none that IANA has set aside for something else
/// (iana.org/assignments/iana-ipv4-special-registry and its IPv6 companion).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        (0 | 10 | 127 | 224.., ..) => true,
        // Shared by a carrier's customers.
        (100, 64..=127, _) => true,
        // Link-local: the metadata of cloud machines is there.
        (169, 254, _) | (192, 168, _) => true,
        (172, 16..=31, _) => true,
        (192, 0, 0 | 2) | (192, 88, 99) => true,
        (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // An IPv4 address in other clothes: mapped, compatible, translated, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        [0, 0, 0, 0, 0, 0, high, low] => high != 0 && embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, documentation and what else IETF has taken out of 2001::/16.
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] => false,
        [0x3fff, 0..=0x0fff, ..] => false,
        // Global unicast; everything else is unassigned, local or multicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PUBLIC: Reach = Reach { private: false };
    const ALL: Reach = Reach { private: true };

    #[test]
    fn only_public_addresses_are_in_reach() {
        for special in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            let address: IpAddr = special.parse().unwrap();
            assert!(PUBLIC.check_address(address).is_err(), "{special}");
            assert!(ALL.check_address(address).is_ok(), "{special}");
        }
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:4860::8888",
            "2002:101:101::",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            let address: IpAddr = public.parse().unwrap();
            assert!(PUBLIC.check_address(address).is_ok(), "{public}");
        }
        let both = ["1.1.1.1:443", "127.0.0.1:443"].map(|one| one.parse().unwrap());
        assert!(PUBLIC.check_all(&both[..1]).is_ok() && PUBLIC.check_all(&both).is_err());
    }

    #[test]
    fn a_base_is_https_and_public_as_far_as_it_can_be_seen() {
        use OutOfReach::{Credentials, Malformed, NotHttps, Private, Query};
        for fine in [
            "https://llm.example.com/v1",
            "https://1.1.1.1",
            "https://[2606:4700::1111]:8443/a/b/",
        ] {
            assert!(PUBLIC.check_base(fine).is_ok(), "{fine}");
        }
        let private = |host: &str| Private(host.to_owned());
        for (base, expected) in [
            ("llm.example.com", Malformed),
            ("", Malformed),
            ("https://llm.example.com/v1\r\nx-evil: 1", Malformed),
            ("https://llm.exam\tple.com/v1", Malformed),
            (" https://llm.example.com/v1", Malformed),
            ("http://llm.example.com", NotHttps),
            ("ftp://llm.example.com", NotHttps),
            ("https://user@llm.example.com", Credentials),
            ("https://:pass@llm.example.com", Credentials),
            ("https://llm.example.com/?key=1", Query),
            ("https://llm.example.com/#a", Query),
            ("https://localhost/v1", private("localhost")),
            ("https://a.localhost./v1", private("a.localhost.")),
            ("https://vllm:8000", private("vllm")),
            ("https://127.1", private("127.0.0.1")),
            ("https://2130706433", private("127.0.0.1")),
            ("https://0x7f.0.0.1", private("127.0.0.1")),
            ("https://[::ffff:7f00:1]", private("::ffff:127.0.0.1")),
        ] {
            assert_eq!(PUBLIC.check_base(base), Err(expected), "{base}");
        }
        for fine in [
            "http://vllm:8000/v1",
            "https://localhost",
            "http://127.0.0.1:9000",
        ] {
            assert!(ALL.check_base(fine).is_ok(), "{fine}");
        }
        assert_eq!(ALL.check_base("ftp://vllm"), Err(NotHttps));
    }
}
