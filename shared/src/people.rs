//! People, in the form in which all services send them.

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::ids::UserId;

/// The author of something.
#[derive(Debug, Serialize, ToSchema)]
pub struct Author {
    /// The person.
    pub id: UserId,
    /// The name the person goes by.
    pub username: String,
    /// Path of the person's picture on this host: the one that the person has chosen, or a drawn one.
    pub avatar_url: AvatarUrl,
}

impl Author {
    /// Names a person as the author of something.
    pub fn new(id: UserId, username: String) -> Self {
        Self { id, username, avatar_url: AvatarUrl(id) }
    }
}

/// The path of a person's avatar.
///
/// It follows from the id, and stays the same when the person chooses another picture. So no other service has to learn of
/// that, and a cached post never names a picture that is gone.
#[derive(Clone, Copy, Debug)]
pub struct AvatarUrl(pub UserId);

impl PartialSchema for AvatarUrl {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.format(Some(SchemaFormat::Custom("uri-reference".to_owned())));
        text.examples(["/users/7/avatar"]).into()
    }
}

impl ToSchema for AvatarUrl {}

impl Serialize for AvatarUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/users/{}/avatar", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_has_the_path_of_the_avatar() {
        let author = serde_json::to_string(&Author::new(UserId(7), "ann".to_owned())).unwrap();
        assert_eq!(author, r#"{"id":7,"username":"ann","avatar_url":"/users/7/avatar"}"#);
    }
}
