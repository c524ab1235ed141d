//! The bodies of this service's responses.

mod feed;
mod notification;
mod people;
mod post;

pub(crate) use feed::Feed;
pub(crate) use notification::{
    MarkedRead, NotificationList, NotificationOut, NotificationSettings, Shown, UnreadCount,
};
pub(crate) use people::{
    BlockChanged, BlockList, Followed, MuteChanged, MuteList, SubscriptionChanged, SubscriptionList,
};
pub(crate) use post::{CountsOut, PostOut};
