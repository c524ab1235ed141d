//! `TRUSTED_PROXIES`: the gateways that are believed when they name their client.

use std::net::IpAddr;

use ipnet::IpNet;

/// The name of the Unix socket of the process in the list.
const SOCKET: &str = "unix";

/// A list of gateways. The empty list believes nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// True if every program that connects to `CHATTY_SOCKET` is believed.
    socket: bool,
}

impl TrustedProxies {
    /// Parses addresses, networks in CIDR notation and the word `unix`, separated by commas. Returns the entry that is
    /// none of them as an error.
    pub(super) fn parse(text: &str) -> Result<Self, &str> {
        let mut proxies = Self::default();
        for entry in text.split(',').map(str::trim) {
            let address = entry.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            match address.or_else(|_not_an_address| entry.parse()) {
                Ok(network) => proxies.networks.push(network),
                Err(_neither) if entry == SOCKET => proxies.socket = true,
                Err(_nothing) => return Err(entry),
            }
        }
        Ok(proxies)
    }

    /// Returns whether a gateway with this address is believed.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Returns whether programs that connect to the Unix socket are believed.
    pub fn contains_socket(&self) -> bool {
        self.socket
    }

    /// Returns whether nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.socket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_the_socket_can_be_named() {
        let proxies = TrustedProxies::parse("192.0.2.1, 10.77.0.0/24,2001:db8::/32,::ffff:192.0.2.2,unix").unwrap();
        for trusted in ["192.0.2.1", "::ffff:192.0.2.1", "10.77.0.255", "2001:db8:1::1", "192.0.2.2"] {
            assert!(proxies.contains(trusted.parse().unwrap()), "{trusted}");
        }
        for other in ["192.0.2.3", "10.77.1.0", "2001:db9::1", "::1"] {
            assert!(!proxies.contains(other.parse().unwrap()), "{other}");
        }
        assert!(proxies.contains_socket());
        assert!(!TrustedProxies::parse("::1").unwrap().contains_socket());
        for bad in ["nginx", "10.0.0.0/33", "10.0.0", "192.0.2.1,", "192.0.2.1:80", "*"] {
            assert!(TrustedProxies::parse(bad).is_err(), "{bad}");
        }
    }
}
