//! Where a request comes from: its address, as far as it can be believed, and what the client calls itself.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv6Addr};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, USER_AGENT};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use ipnet::IpNet;
use secrecy::SecretString;

use crate::web::cookies::{CHALLENGE, DEVICE, SESSION};
use crate::web::problem::Problem;

/// Where a proxy says whom it speaks for.
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// The most characters kept of a client's name.
const AGENT_LENGTH: usize = 200;

/// The proxies whose word on a client's address is believed. Others may say what they like.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    fn client(&self, peer: IpAddr, said: Option<&str>) -> IpAddr {
        let is_trusted = self.0.iter().any(|network| network.contains(&peer));
        said.filter(|_| is_trusted)
            .and_then(|said| said.trim().parse().ok())
            .unwrap_or(peer)
            .to_canonical()
    }
}

/// Who sent a request, as a machine.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// What it calls itself, shortened and made harmless; may be empty.
    pub agent: String,
    /// The token by which this browser is known, if it was here before.
    pub device: Option<SecretString>,
    /// What ties this browser to the sign-ins that it has begun and not ended.
    pub challenge: Option<SecretString>,
    /// The token of the session that this browser brings along, which may have ended.
    pub session: Option<SecretString>,
}

impl Client {
    /// Whom to count requests under: the address, or the network where one subscriber has many of them.
    #[must_use]
    pub fn network(&self) -> String {
        match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl FromRequest for Client {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(of(request))
    }
}

/// Who sent a request.
pub(crate) fn of(request: &HttpRequest) -> Result<Client, Problem> {
    let header = |name: HeaderName| request.headers().get(name)?.to_str().ok();
    let cookie = |name| Some(request.cookie(name)?.value().into());
    let peer = request
        .peer_addr()
        .ok_or_else(|| Problem::internal(&"a request without a peer"))?;
    let proxies = request.app_data::<Data<TrustedProxies>>();
    let address = proxies.map_or(peer.ip(), |proxies| {
        proxies.client(peer.ip(), header(REAL_IP))
    });
    Ok(Client {
        address,
        agent: harmless(header(USER_AGENT).unwrap_or_default()),
        device: cookie(DEVICE),
        challenge: cookie(CHALLENGE),
        session: cookie(SESSION),
    })
}

fn harmless(agent: &str) -> String {
    agent
        .chars()
        .filter(|c| !c.is_control())
        .take(AGENT_LENGTH)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxies = TrustedProxies(vec!["172.28.0.12/32".parse().expect("a network")]);
        let client = |peer, said| proxies.client(address(peer), said);

        assert_eq!(
            client("172.28.0.12", Some("203.0.113.9")),
            address("203.0.113.9")
        );
        assert_eq!(
            client("172.28.0.13", Some("203.0.113.9")),
            address("172.28.0.13")
        );
        assert_eq!(
            client("172.28.0.12", Some("nonsense")),
            address("172.28.0.12")
        );
        assert_eq!(client("172.28.0.12", None), address("172.28.0.12"));
        assert_eq!(
            client("::ffff:172.28.0.12", None),
            address("172.28.0.12"),
            "an address has one form"
        );
    }

    #[test]
    fn a_subscriber_with_many_addresses_counts_as_one() {
        let network = |text| {
            let client = Client {
                address: address(text),
                agent: String::new(),
                device: None,
                challenge: None,
                session: None,
            };
            client.network()
        };
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::7"), network("2001:db8:1:2:8::"));
    }

    #[test]
    fn what_a_client_calls_itself_is_short_and_harmless() {
        assert_eq!(
            harmless("Mozilla/5.0\u{1b}[31m (X11)"),
            "Mozilla/5.0[31m (X11)"
        );
        assert_eq!(harmless(&"a".repeat(1000)).len(), AGENT_LENGTH);
    }
}
