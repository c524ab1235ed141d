//! Id newtypes: the integers by which people, posts and other aggregates are identified.
//!
//! This file owns the range of ids and the one way to read them. Ids run from 1 to 2^53 - 1, because JavaScript
//! represents larger integers inexactly (ECMAScript, `Number.MAX_SAFE_INTEGER`). A newtype per kind of id keeps a
//! post's id from being passed as a person's.

use serde::de::{Error, Unexpected, Visitor};

/// The largest id: 2^53 - 1, which is also the largest version of an aggregate.
pub const MAX_ID: i64 = (1 << 53) - 1;

/// An id that is never assigned. An integer outside the range is read as this value, so that the lookup finds nothing
/// and the request is answered with 404.
pub const NOBODY: i64 = 0;

/// A serde visitor that reads an id from a number (JSON) or from decimal digits (paths and query strings).
///
/// An integer outside 1..=[`MAX_ID`] becomes [`NOBODY`].
///
/// # Errors
/// When the input is not an integer.
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
        // `i64::from_str` would also take a leading `+`, and its error does not tell "too large" from "no number". So
        // the form is checked first: afterwards a failed parse means a number beyond 64 bits, which is an id that
        // nobody has.
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || digits.len() > 40 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(E::invalid_value(Unexpected::Str(text), &self));
        }
        text.parse().map_or(Ok(NOBODY), |id| self.visit_i64(id))
    }
}

/// Declares an id newtype over `i64` with implementations for JSON, paths and query strings, sea-orm and OpenAPI.
///
/// The doc comment given to the macro becomes the description of the schema in openapi.json.
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
                // The deserializer decides between number and text: JSON holds a number, a path or a query holds text.
                deserializer.deserialize_any($crate::ids::IdVisitor).map(Self)
            }
        }
    };
}

id_type! {
    /// A person, as the token, the events and the paths name one.
    UserId
}

id_type! {
    /// A session: everything between a login and its end.
    SessionId
}

/// Several people, as an array of ids in JSON and in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, sea_orm::FromJsonQueryResult)]
#[serde(transparent)]
pub struct UserIds(pub Vec<UserId>);

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
