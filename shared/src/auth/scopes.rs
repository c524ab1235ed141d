//! Scopes: the rights that a person grants to a client of somebody else (RFC 6749, section 3.3).
//!
//! A token of Chatty's own login carries no scopes and has all rights of its person. A token with scopes has less: it
//! can read, write or moderate as far as it says, and never reaches the account itself.

use std::fmt;
use std::str::FromStr;

use axum::http::Method;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of scopes. Its text is a list of names separated by spaces, as in `read write`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// `read`: requests that change nothing.
    pub read: bool,
    /// `write`: requests that change something.
    pub write: bool,
    /// `admin`: the rights of an administrator, if the person is one. It comes together with the other two.
    pub admin: bool,
}

/// The names of all scopes.
pub const SCOPES: [&str; 3] = ["read", "write", "admin"];

impl Scopes {
    /// Returns the name of the scope that a request needs; `None` if these scopes allow the request.
    pub fn missing_for(self, method: &Method) -> Option<&'static str> {
        // The safe methods are those that change nothing (RFC 9110, section 9.2.1).
        match method.is_safe() {
            true if !self.read => Some("read"),
            false if !self.write => Some("write"),
            _ => None,
        }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let granted = [self.read, self.write, self.admin];
        let names: Vec<&str> = SCOPES.into_iter().zip(granted).filter_map(|(name, is)| is.then_some(name)).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = ();

    /// Parses a list of names. An empty list and an unknown name are errors. `write` includes `read`, and `admin`
    /// includes both: a client that moderates has to see what it changes.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut scopes = Self::default();
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            match name {
                "read" => scopes.read = true,
                "write" => (scopes.read, scopes.write) = (true, true),
                "admin" => scopes = Self { read: true, write: true, admin: true },
                _ => return Err(()),
            }
        }
        if scopes.read { Ok(scopes) } else { Err(()) }
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("unknown scope"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_list_of_known_names() {
        for (text, means) in
            [("read", "read"), ("write", "read write"), (" write  read ", "read write"), ("admin", "read write admin")]
        {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), means);
        }
        for bad in ["", " ", "READ", "read everything", "read,write", "read\twrite"] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reading_needs_read_and_all_else_needs_write() {
        let read: Scopes = "read".parse().unwrap();
        assert_eq!((read.missing_for(&Method::GET), read.missing_for(&Method::POST)), (None, Some("write")));
        assert_eq!("write".parse::<Scopes>().unwrap().missing_for(&Method::DELETE), None);
    }
}
