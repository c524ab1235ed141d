//! Id newtypes: integers from 1 to 2^53-1, so that JavaScript can hold them.

use serde::de::{Error, Unexpected, Visitor};

/// The largest id: 2^53 - 1.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// The id that nobody has. An integer out of range in a path or a query reads as this one, so that it finds nothing (404).
pub const NOBODY: i64 = 0;

/// Reads an id from a number (JSON) or from digits (paths and queries).
///
/// An integer outside of 1..=[`MAX_ID`] becomes [`NOBODY`]; what is not an integer is an error.
pub struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer id")
    }

    fn visit_i64<E: Error>(self, id: i64) -> Result<i64, E> {
        Ok(if (1..=MAX_ID).contains(&id) { id } else { NOBODY })
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<i64, E> {
        Ok(i64::try_from(id).ok().filter(|id| *id <= MAX_ID).unwrap_or(NOBODY))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || digits.len() > 40 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(E::invalid_value(Unexpected::Str(text), &self));
        }
        text.parse().map_or(Ok(NOBODY), |id| self.visit_i64(id))
    }
}

/// Declares an id newtype over `i64` that works in JSON, in paths and queries, in sea-orm and in OpenAPI.
#[macro_export]
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, sea_orm::DeriveValueType, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = i64, minimum = 1, maximum = 9007199254740991i64)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::ids::IdVisitor).map(Self)
            }
        }
    };
}

id_type! {
    /// A person, as the token, the events and the paths name one.
    UserId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_nobody_and_what_is_no_number_is_refused() {
        let read = |text: &str| IdVisitor.visit_str::<serde::de::value::Error>(text);
        assert_eq!(read("42"), Ok(42));
        assert_eq!(read("9007199254740991"), Ok(MAX_ID));
        for out in ["0", "-1", "9007199254740992", "9223372036854775808", "99999999999999999999999"] {
            assert_eq!(read(out), Ok(NOBODY), "{out}");
        }
        for bad in ["", "-", "one", "1.5", "1e3", " 1", "+1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
