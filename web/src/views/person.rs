//! People.

use super::Viewer;
use crate::api::{Author, User};

/// A person in a list, at a post, or at the top of a profile.
#[derive(Clone, Debug)]
pub(crate) struct PersonView {
    /// The id.
    pub(crate) id: u64,
    /// The name without the sign `@`; empty for an account that was erased or that is not known yet.
    pub(crate) username: String,
    /// First and last name; absent if the person gives none.
    pub(crate) name: Option<String>,
    /// The person's words about themselves.
    pub(crate) bio: Option<String>,
    /// The path of the picture, which always exists.
    pub(crate) avatar_url: String,
    /// The visitor's relation to the person; absent for oneself and for a visitor who is not signed in.
    pub(crate) relation: Option<Relation>,
    /// A sentence below the name, such as the reason of a recommendation.
    pub(crate) note: Option<String>,
}

/// The relation of a visitor to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relation {
    /// The visitor follows the person.
    pub(crate) followed: bool,
}

impl PersonView {
    /// Shows a person.
    pub(crate) fn new(user: &User, viewer: &Viewer<'_>) -> Self {
        let names = [&user.first_name, &user.last_name];
        let names: Vec<&str> = names.into_iter().filter_map(|name| name.as_deref()).collect();
        let is_other = viewer.user_id.is_some_and(|id| id != user.id);
        let followed = viewer.followed.as_ref().filter(|_| is_other);
        Self {
            id: user.id,
            username: user.username.clone().unwrap_or_default(),
            name: (!names.is_empty()).then(|| names.join(" ")),
            bio: user.bio.clone().filter(|bio| !bio.is_empty()),
            avatar_url: user.avatar_url.clone(),
            relation: followed.map(|followed| Relation { followed: followed.contains(&user.id) }),
            note: None,
        }
    }

    /// Shows the author of something.
    pub(crate) fn of_author(author: &Author) -> Self {
        Self {
            id: author.id,
            username: author.username.clone(),
            name: None,
            bio: None,
            avatar_url: author.avatar_url.clone(),
            relation: None,
            note: None,
        }
    }

    /// Returns the name that stands first: the real name if there is one, or else the username.
    pub(crate) fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.username)
    }

    /// Returns the path of the profile.
    pub(crate) fn path(&self) -> String {
        format!("/@{}", self.username)
    }
}
