//! Named queries: each applies the rules of visibility itself.

pub(crate) mod posts;
pub(crate) mod users;

/// Pads a list of ids with its last one to a power of two, so that the databases see few distinct statements.
fn padded<T: Copy>(ids: &[T]) -> Vec<T> {
    let mut ids = ids.to_vec();
    if let Some(last) = ids.last().copied() {
        ids.resize(ids.len().next_power_of_two(), last);
    }
    ids
}
