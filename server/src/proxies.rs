//! Which address a request came from.
//!
//! A proxy in front of the server adds the address it was called from at the end of `X-Forwarded-For`. Only what a trusted
//! proxy added is believed: whatever stands before that is the caller's own word. So the address is the first one, from the
//! end, that is not a trusted proxy's.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The header.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// How many hops are looked at: a longer way is nobody's.
const MAX_HOPS: usize = 32;

/// The addresses of trusted proxies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies(Vec<IpNet>);

/// A text that is no list of addresses and networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of addresses and networks, such as 10.0.0.0/8, ::1")]
pub struct NotNetworks;

impl FromStr for Proxies {
    type Err = NotNetworks;

    fn from_str(text: &str) -> Result<Self, NotNetworks> {
        let network = |text: &str| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| NotNetworks)
        };
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(network).collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&networks.join(","))
    }
}

impl Proxies {
    /// Whether the address is that of a trusted proxy.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address a request came from that `peer` sent.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut caller = peer.to_canonical();
        let values = headers.get_all(FORWARDED_FOR).iter().rev().map(|value| value.to_str().unwrap_or_default());
        let hops = values.flat_map(|value| value.rsplit(',')).map(str::trim);
        for hop in hops.take(MAX_HOPS) {
            if !self.trust(caller) {
                break;
            }
            // A proxy that does not say whom it speaks for is all that is known.
            let Some(address) = address(hop) else { break };
            caller = address;
        }
        caller
    }
}

/// Some proxies add the port too.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(trusted: &str, peer: &str, hops: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for hop in hops {
            headers.append(FORWARDED_FOR, hop.parse().unwrap());
        }
        let trusted: Proxies = trusted.parse().unwrap();
        trusted.caller(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_unless_trusted() {
        assert_eq!(caller("", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(caller("10.0.0.0/8", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(caller("192.0.2.1", "192.0.2.1", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn what_a_caller_made_up_counts_for_nothing() {
        let hops = ["1.1.1.1, 203.0.113.9", "198.51.100.2,10.0.0.3:4711"];
        assert_eq!(caller("10.0.0.0/8", "10.0.0.2", &hops), "198.51.100.2");
        assert_eq!(caller("10.0.0.0/8,198.51.100.0/24", "10.0.0.2", &hops), "203.0.113.9");
        assert_eq!(caller("10.0.0.0/8", "10.0.0.2", &["unknown"]), "10.0.0.2");
        assert_eq!(caller("10.0.0.0/8", "10.0.0.2", &[]), "10.0.0.2");
        assert_eq!(caller("0.0.0.0/0", "10.0.0.2", &["203.0.113.9, 10.0.0.3"]), "203.0.113.9", "all of them proxies");
    }

    #[test]
    fn addresses_are_the_same_however_they_are_written() {
        assert_eq!(caller("127.0.0.1", "::ffff:127.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(caller("::1", "::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(caller("::1", "::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(caller("::1", "::1", &["::ffff:192.0.2.7"]), "192.0.2.7");
    }

    #[test]
    fn a_list_reads_back_and_nonsense_does_not() {
        for (text, written) in [("", ""), ("::1, 10.0.0.0/8", "::1/128,10.0.0.0/8"), (" 192.0.2.1 ,", "192.0.2.1/32")] {
            let proxies: Proxies = text.parse().unwrap();
            assert_eq!(proxies.to_string(), written);
            assert_eq!(written.parse(), Ok(proxies));
        }
        for text in ["1", "10.0.0.0/33", "localhost", "10.0.0.0-10.0.0.9"] {
            assert_eq!(text.parse::<Proxies>(), Err(NotNetworks), "{text}");
        }
    }
}
