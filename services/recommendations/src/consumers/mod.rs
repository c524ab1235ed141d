//! What this service learns from others.

pub(crate) mod like;
pub(crate) mod post;
pub(crate) mod post_counts;
pub(crate) mod user;

use serde::{Deserialize, Deserializer};

/// Rows per query when memory is filled.
const PAGE: u64 = 5_000;

/// A tombstone's state may say null for what is a plain value otherwise.
fn null_as_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
