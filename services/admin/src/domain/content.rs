//! The content of a target as admins judge it: as it is now, or as it was when it was reported.

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::pictures::{Picture, Pictures};
use utoipa::ToSchema;

use super::ids::PostId;

/// The person who is responsible for a target: its author, or the target itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ResponsiblePerson)]
pub(crate) struct Responsible {
    pub(crate) id: UserId,
    /// Absent when this service does not know the name, or the person has left.
    pub(crate) username: Option<String>,
}

/// The content of a post, a comment or a profile. The fields of the other kinds are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = JudgedContent)]
pub(crate) struct Content {
    pub(crate) author: Option<Responsible>,
    /// The post of a comment.
    pub(crate) post_id: Option<PostId>,
    pub(crate) title: Option<String>,
    pub(crate) content: Option<String>,
    /// The pictures of a post. Those that are not in a visible post now are not served.
    #[schema(value_type = Option<Vec<Picture>>)]
    pub(crate) images: Option<Pictures>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
}
