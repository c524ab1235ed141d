//! The stream `erasure_done.admin`: this service confirms to auth that it has erased a person's data.

use shared::erasure::ErasureStream;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ErasureDone;

impl ErasureStream for ErasureDone {
    const STREAM: &'static str = "erasure_done.admin";
}
