//! The bodies of this service's responses.

mod feed;
mod people;
mod post;

pub(crate) use feed::Feed;
pub(crate) use people::{Followed, SubscriptionChanged, SubscriptionList};
pub(crate) use post::PostOut;
