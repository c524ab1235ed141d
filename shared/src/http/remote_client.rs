//! The client at the other end of a request: its address and the name of its program.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use crate::config::TrustedProxies;

/// The list of the addresses that a request has passed, the client's first.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The longest name of a program that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    /// A program with this address.
    Network(IpAddr),
    /// A program that has connected to the Unix socket.
    Socket,
    /// This process itself, in tests.
    Own,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Network(address.ip())
    }
}

impl From<tokio::net::unix::SocketAddr> for Peer {
    fn from(_nameless: tokio::net::unix::SocketAddr) -> Self {
        Self::Socket
    }
}

/// The address of the client that has sent a request; `None` when it is not known. The app adds it to every request.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddress(pub(super) Option<IpAddr>);

/// The client of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteClient {
    /// The IP address; `None` when it is not known.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header without control characters, at most 200 characters; `None` without one.
    pub user_agent: Option<String>,
}

impl Peer {
    /// Returns the address of the peer itself.
    pub(super) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Network(address) => Some(address.to_canonical()),
            Self::Socket | Self::Own => None,
        }
    }

    /// Returns whether the peer is believed when it names its client.
    pub(super) fn is_trusted(self, proxies: &TrustedProxies) -> bool {
        match self {
            Self::Network(address) => proxies.contains(address),
            Self::Socket => proxies.contains_socket(),
            Self::Own => true,
        }
    }

    /// Finds the client of a request: the last address in `X-Forwarded-For` that is no trusted proxy. Each proxy adds
    /// the address of its own peer at the end, so everything before that address is only a claim of the client.
    pub(super) fn client(self, proxies: &TrustedProxies, headers: &HeaderMap) -> ClientAddress {
        let mut nearest = self.address();
        if self.is_trusted(proxies) {
            let lines = headers.get_all(FORWARDED_FOR).iter().rev();
            for entry in lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')) {
                // Without an address, the nearest proxy is all that is known.
                let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
                nearest = Some(address.to_canonical());
                if !proxies.contains(address) {
                    break;
                }
            }
        }
        ClientAddress(nearest)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RemoteClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let address = parts.extensions.get::<ClientAddress>().and_then(|client| client.0);
        Ok(Self { address, user_agent: user_agent(&parts.headers) })
    }
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let kept: String = text.chars().filter(|sign| !sign.is_control()).take(MAX_USER_AGENT).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request};

    use super::*;
    use crate::config::{Env, Settings};

    fn proxies(text: &str) -> TrustedProxies {
        Settings::from_env(&Env::of([("TRUSTED_PROXIES", text)]), 1).unwrap().trusted_proxies
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let network = |text: &str| Peer::Network(text.parse().unwrap());
        let (gateway, stranger) = (network("10.0.0.1"), network("::ffff:192.0.2.1"));
        for (peer, trusted, lines, expected) in [
            (stranger, "", vec!["203.0.113.9"], Some("192.0.2.1")),
            (stranger, "10.0.0.0/8", vec!["203.0.113.9"], Some("192.0.2.1")),
            (gateway, "10.0.0.0/8", vec!["203.0.113.9"], Some("203.0.113.9")),
            (gateway, "10.0.0.0/8", vec!["198.51.100.7, 203.0.113.9"], Some("203.0.113.9")),
            (gateway, "10.0.0.0/8", vec!["198.51.100.7, 203.0.113.9, 10.0.0.2"], Some("203.0.113.9")),
            (gateway, "10.0.0.0/8", vec!["198.51.100.7", "203.0.113.9", "10.0.0.2"], Some("203.0.113.9")),
            (gateway, "10.0.0.0/8", vec!["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            (gateway, "10.0.0.0/8", vec!["203.0.113.9, nonsense"], Some("10.0.0.1")),
            (gateway, "10.0.0.0/8", vec!["203.0.113.9, nonsense, 10.0.0.2"], Some("10.0.0.2")),
            (gateway, "10.0.0.0/8", vec![], Some("10.0.0.1")),
            (gateway, "10.0.0.0/8", vec![" ::ffff:203.0.113.9 "], Some("203.0.113.9")),
            (gateway, "unix", vec!["203.0.113.9"], Some("10.0.0.1")),
            (Peer::Socket, "10.0.0.0/8", vec!["203.0.113.9"], None),
            (Peer::Socket, "unix", vec!["203.0.113.9"], Some("203.0.113.9")),
            (Peer::Socket, "unix", vec!["\u{e9}"], None),
            (Peer::Own, "", vec!["2001:db8::1"], Some("2001:db8::1")),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            headers.insert("x-real-ip", HeaderValue::from_static("198.51.100.1"));
            let found = peer.client(&proxies(trusted), &headers).0;
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{peer:?} {trusted} {lines:?}");
        }
    }

    #[tokio::test]
    async fn the_name_of_the_program_is_cut() {
        let agent = async |text: &str| {
            let (mut parts, ()) = Request::builder().header("user-agent", text).body(()).unwrap().into_parts();
            let Ok(client) = RemoteClient::from_request_parts(&mut parts, &()).await;
            client.user_agent
        };
        assert_eq!(agent("curl/8.5.0").await.as_deref(), Some("curl/8.5.0"));
        assert_eq!(agent("").await, None);
        assert_eq!(agent(&"x".repeat(1_000)).await.unwrap().len(), MAX_USER_AGENT);
    }
}
