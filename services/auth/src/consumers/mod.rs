//! What auth hears from others: decisions about people.

mod moderation_user;

pub(crate) use moderation_user::ModerationUserConsumer;
