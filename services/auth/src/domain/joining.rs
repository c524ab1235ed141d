//! The rules of joining: the ways in which people become members, and the mail domains that are refused.

use std::str::FromStr;
use std::time::Duration;

use shared::config::{ConfigError, Env};

use super::email;

/// The time for which an invitation can be used.
pub(crate) const INVITATION_WITHIN: Duration = Duration::from_secs(14 * 86_400);
/// The time for which an application waits for a decision. Without a decision the account is erased then.
pub(crate) const APPLICATION_WITHIN: Duration = Duration::from_secs(30 * 86_400);

/// The rule that an address of a refused domain breaks, as the end of a sentence about the address.
pub(crate) const REFUSED_DOMAIN: &str = "is of a provider whose addresses are not accepted here";

/// The way in which people become members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    /// Everybody who confirms an address becomes a member.
    Open,
    /// A registration needs an invitation.
    Invite,
    /// An admin decides about everybody who has confirmed an address.
    Approval,
    /// Nobody can register.
    Closed,
}

impl Registration {
    /// Returns the name, as settings and answers spell it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Approval => "approval",
            Self::Closed => "closed",
        }
    }
}

impl FromStr for Registration {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let all = [Self::Open, Self::Invite, Self::Approval, Self::Closed];
        all.into_iter().find(|mode| mode.as_str() == name).ok_or(())
    }
}

/// The rules of joining that hold in this installation.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    /// From `REGISTRATION`.
    pub(crate) registration: Registration,
    /// The number of invitations that a person who is not an admin can have, from `INVITATIONS_PER_PERSON`.
    pub(crate) invitations_per_person: u64,
    /// The refused domains, written with A-labels, from `REFUSED_MAIL_DOMAINS`.
    refused_domains: Vec<String>,
}

impl Joining {
    /// Reads the rules from the environment.
    ///
    /// # Errors
    /// When a variable is not valid; the error names the first one.
    pub(crate) fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let registration = env.parse("REGISTRATION", "open, invite, approval or closed")?.unwrap_or(Registration::Open);
        let invitations_per_person = env.parse("INVITATIONS_PER_PERSON", "a number, 0 or more")?.unwrap_or(0);
        let listed = env.get("REFUSED_MAIL_DOMAINS").unwrap_or_default().split(',').map(str::trim);
        let domain = |text: &str| {
            let bad = || {
                ConfigError::new(
                    "REFUSED_MAIL_DOMAINS",
                    format!("`{text}` is no domain; use domains, separated by commas"),
                )
            };
            email::ascii_domain(text).ok_or_else(bad)
        };
        let refused_domains = listed.filter(|text| !text.is_empty()).map(domain).collect::<Result<_, _>>()?;
        Ok(Self { registration, invitations_per_person, refused_domains })
    }

    /// Returns true when the domain of an address is refused, or lies below a refused one.
    pub(crate) fn refuses(&self, address: &str) -> bool {
        let key = email::key(address);
        let domain = key.rsplit('@').next().unwrap_or_default();
        let is_below = |refused: &String| domain.strip_suffix(refused.as_str()).is_some_and(|rest| rest.ends_with('.'));
        self.refused_domains.iter().any(|refused| domain == refused || is_below(refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Joining, ConfigError> {
        Joining::from_env(&Env::of([(name, value)]))
    }

    #[test]
    fn refused_domains_are_compared_as_mail_servers_read_them() {
        let rules = read("REFUSED_MAIL_DOMAINS", "throwaway.example, Bücher.example").unwrap();
        for refused in ["a@throwaway.example", "a@sub.THROWAWAY.example", "a@bücher.example", "a@xn--bcher-kva.example"]
        {
            assert!(rules.refuses(refused), "{refused}");
        }
        for accepted in ["a@example", "a@nothrowaway.example", "throwaway.example@example.org"] {
            assert!(!rules.refuses(accepted), "{accepted}");
        }
    }

    #[test]
    fn a_bad_rule_is_named() {
        for (name, value) in [
            ("REGISTRATION", "Open"),
            ("REGISTRATION", "maybe"),
            ("INVITATIONS_PER_PERSON", "-1"),
            ("REFUSED_MAIL_DOMAINS", "a.example, not a domain"),
            ("REFUSED_MAIL_DOMAINS", "@a.example"),
        ] {
            assert_eq!(read(name, value).expect_err(value).variable, name);
        }
        assert_eq!(read("REGISTRATION", "invite").unwrap().registration, Registration::Invite);
    }
}
