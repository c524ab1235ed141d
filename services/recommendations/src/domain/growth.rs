//! Growth of arrays by an eighth. Rows and columns are most of the engine's memory, and doubling would leave up to half
//! of it unused.

use ndarray::Array1;

/// Inserts an item. A full list makes room for an eighth more, which keeps appending at amortised constant time.
pub(super) fn insert<T>(list: &mut Vec<T>, place: usize, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 2);
    }
    list.insert(place, item);
}

/// Replaces an array of zeros by a longer one if it is shorter than `len`.
pub(super) fn grow_zeros<T: Clone + Default>(array: &mut Array1<T>, len: usize) {
    if array.len() < len {
        *array = Array1::default(len + len / 8);
    }
}
