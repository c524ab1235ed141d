//! The client at the other end of a request: its address and the name of its program.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

/// The header in which a gateway passes the address of its client on. nginx.conf overwrites what a client sends.
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// The longest name of a program that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// The way by which requests reach this process, which decides where the address of a client stands. The server adds
/// it to every request that comes over the network.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    /// The client itself, at this address; `None` for a Unix socket.
    Client(Option<IpAddr>),
    /// A gateway, which names its client in a header.
    Gateway,
}

/// The client of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteClient {
    /// The IP address; `None` when it is not known.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header without control characters, at most 200 characters; `None` without one.
    pub user_agent: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for RemoteClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let address = match parts.extensions.get() {
            Some(Peer::Client(address)) => address.map(|address| address.to_canonical()),
            Some(Peer::Gateway) => real_ip(&parts.headers),
            None => None,
        };
        Ok(Self { address, user_agent: user_agent(&parts.headers) })
    }
}

fn real_ip(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get(REAL_IP)?.to_str().ok()?.trim().parse().ok()
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let kept: String = text.chars().filter(|sign| !sign.is_control()).take(MAX_USER_AGENT).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn client(peer: Option<Peer>, headers: &[(&str, &str)]) -> RemoteClient {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(peer);
        }
        let Ok(client) = RemoteClient::from_request_parts(&mut parts, &()).await;
        client
    }

    #[tokio::test]
    async fn a_header_counts_only_behind_a_gateway() {
        let claimed = [("x-real-ip", "203.0.113.9"), ("user-agent", "curl/8.5.0")];
        let peer = |text: &str| Some(Peer::Client(Some(text.parse().unwrap())));
        let (direct, behind) = (client(peer("::ffff:192.0.2.1"), &claimed), client(Some(Peer::Gateway), &claimed));
        let (direct, behind) = (direct.await, behind.await);
        assert_eq!(direct.address, Some("192.0.2.1".parse().unwrap()), "anybody can send the header");
        assert_eq!(behind.address, Some("203.0.113.9".parse().unwrap()));
        assert_eq!(behind.user_agent.as_deref(), Some("curl/8.5.0"));
        assert_eq!(client(Some(Peer::Gateway), &[("x-real-ip", "nonsense")]).await, RemoteClient::default());
        assert_eq!(client(None, &[("user-agent", "")]).await, RemoteClient::default());
        let long = "x".repeat(1_000);
        let agent = client(None, &[("user-agent", long.as_str())]).await.user_agent.unwrap();
        assert_eq!(agent.len(), MAX_USER_AGENT);
    }
}
