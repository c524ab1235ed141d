//! Notices: whom a post or a comment concerns, and where each thing that somebody is told of stands in time.
//!
//! A comment concerns the author of the post, the authors of the comments that it answers directly or indirectly, and
//! everybody whom it mentions. A post concerns everybody whom it mentions. All of this follows from one state alone, so
//! notices may be derived from states in any order.

use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::text::mentions::mentioned_usernames;

use super::ids::{CommentId, PostId};

/// The kinds of notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Somebody follows the person.
    Follow,
    /// Somebody likes a post of the person.
    Like,
    /// Somebody has commented on a post of the person.
    Comment,
    /// Somebody has answered in a thread in which the person has commented.
    Answer,
    /// Somebody has mentioned the person in a post or a comment.
    Mention,
    /// An admin has warned the person.
    Warning,
    /// A report of the person has ended.
    Report,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Self; 7] =
        [Self::Follow, Self::Like, Self::Comment, Self::Answer, Self::Mention, Self::Warning, Self::Report];

    /// Returns the name, as it is stored and sent.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Like => "like",
            Self::Comment => "comment",
            Self::Answer => "answer",
            Self::Mention => "mention",
            Self::Warning => "warning",
            Self::Report => "report",
        }
    }

    /// Returns the kind with a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The thing that somebody is told of, as one number, by which notifications of the same time are ordered: four times
/// the id, plus a digit for the sort of thing. Followers, warnings and reports share a digit: 0 stands for the followers,
/// twice the id for a warning, and one more than that for a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(pub(crate) i64);

/// The thing that a [`Place`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    Comment(CommentId),
    Post(PostId),
    /// The likes of this post within a day.
    Likes(PostId),
    /// The new followers of a day.
    Followers,
    /// The warning of the person with this id.
    Warning(i64),
    /// The end of the report with this id.
    Outcome(i64),
}

impl Place {
    /// The place of the new followers of a day.
    pub(crate) const FOLLOWERS: Self = Self(3);

    /// Returns the place of a comment.
    pub(crate) const fn comment(id: CommentId) -> Self {
        Self(id.0 * 4)
    }

    /// Returns the place of a post.
    pub(crate) const fn post(id: PostId) -> Self {
        Self(id.0 * 4 + 1)
    }

    /// Returns the place of a post's likes within a day.
    pub(crate) const fn likes(id: PostId) -> Self {
        Self(id.0 * 4 + 2)
    }

    /// Returns the place of a warning. Ids begin at 1.
    pub(crate) const fn warning(id: i64) -> Self {
        Self(id * 8 + 3)
    }

    /// Returns the place of the end of a report. Ids begin at 1.
    pub(crate) const fn outcome(id: i64) -> Self {
        Self(id * 8 + 7)
    }

    /// Returns the id of the first report whose place is not before this one.
    pub(crate) const fn first_outcome_from(self) -> i64 {
        self.0 / 8
    }

    /// Returns the thing at this place.
    pub(crate) const fn thing(self) -> Thing {
        let id = self.0 / 4;
        match self.0 % 4 {
            0 => Thing::Comment(CommentId(id)),
            1 => Thing::Post(PostId(id)),
            2 => Thing::Likes(PostId(id)),
            _ if id == 0 => Thing::Followers,
            _ if id % 2 == 0 => Thing::Warning(id / 2),
            _ => Thing::Outcome(id / 2),
        }
    }
}

/// The position of a notification among all of a person: by time, then by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The time; of likes and followers, that of the newest one.
    pub(crate) at: Timestamp,
    pub(crate) place: Place,
}

/// A person who is told of something: by the id if the state names it, or by the username if a text mentions it.
pub(crate) enum Recipient<'a> {
    Id(UserId),
    Username(&'a str),
}

impl Recipient<'_> {
    /// Returns the key by which the notices of this recipient are found: the id in digits, or `@` and the username in
    /// lower case, because usernames are equal whatever their case is.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Username(name) => format!("@{}", name.to_lowercase()),
        }
    }
}

/// A notice: somebody is told of a post or a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) place: Place,
    /// See [`Recipient::key`].
    pub(crate) recipient: String,
    pub(crate) kind: Kind,
    /// The author of the post or comment.
    pub(crate) actor: UserId,
    /// The post, or the post of the comment.
    pub(crate) post: PostId,
    pub(crate) at: Timestamp,
}

/// A post or comment that may concern people.
pub(crate) struct Written<'a> {
    pub(crate) place: Place,
    pub(crate) post: PostId,
    pub(crate) author: UserId,
    pub(crate) at: Timestamp,
    pub(crate) content: &'a str,
}

impl Written<'_> {
    /// Lists the notices of the people whom the text mentions.
    pub(crate) fn mentions(&self) -> Vec<Notice> {
        let names = mentioned_usernames(self.content);
        names.iter().map(|name| self.notice(Recipient::Username(name), Kind::Mention)).collect()
    }

    /// Lists the notices of the authors of the comments above, and of the author of the post. Nobody is told of what
    /// they wrote themselves, and nobody is told twice.
    pub(crate) fn participants(&self, post_author: UserId, answered: &[UserId]) -> Vec<Notice> {
        let others = answered.iter().filter(|person| **person != self.author);
        let mut notices: Vec<Notice> = others.map(|person| self.notice(Recipient::Id(*person), Kind::Answer)).collect();
        if post_author != self.author && !answered.contains(&post_author) {
            notices.push(self.notice(Recipient::Id(post_author), Kind::Comment));
        }
        notices
    }

    fn notice(&self, recipient: Recipient<'_>, kind: Kind) -> Notice {
        let Self { place, post, author, at, .. } = *self;
        Notice { place, recipient: recipient.key(), kind, actor: author, post, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stands_for_one_thing() {
        assert_eq!(Place::comment(CommentId(7)).thing(), Thing::Comment(CommentId(7)));
        assert_eq!(Place::post(PostId(7)).thing(), Thing::Post(PostId(7)));
        assert_eq!(Place::likes(PostId(7)).thing(), Thing::Likes(PostId(7)));
        assert_eq!(Place::FOLLOWERS.thing(), Thing::Followers);
        for id in [1, 7, shared::ids::MAX_ID] {
            assert_eq!(Place::warning(id).thing(), Thing::Warning(id));
            assert_eq!(Place::outcome(id).thing(), Thing::Outcome(id));
        }
        // The reports before a place are those with lower ids than this one.
        for id in [1, 2, 7] {
            assert_eq!(Place::outcome(id).first_outcome_from(), id);
            assert_eq!(Place(Place::outcome(id).0 + 1).first_outcome_from(), id + 1);
            assert_eq!(Place::warning(id).first_outcome_from(), id);
        }
        // The largest id still fits.
        let largest = CommentId(shared::ids::MAX_ID);
        assert_eq!(Place::comment(largest).thing(), Thing::Comment(largest));
    }

    #[test]
    fn nobody_is_told_twice_or_of_their_own_words() {
        let written = Written {
            place: Place::comment(CommentId(9)),
            post: PostId(5),
            author: UserId(1),
            at: Timestamp::default(),
            content: "@Bob and @bob and @cleo",
        };
        let told = |notices: Vec<Notice>| -> Vec<(String, Kind)> {
            notices.into_iter().map(|notice| (notice.recipient, notice.kind)).collect()
        };
        let mentions = vec![("@bob".to_owned(), Kind::Mention), ("@cleo".to_owned(), Kind::Mention)];
        assert_eq!(told(written.mentions()), mentions);
        let participants = |post_author: i64, answered: &[i64]| {
            let answered: Vec<UserId> = answered.iter().map(|id| UserId(*id)).collect();
            told(written.participants(UserId(post_author), &answered))
        };
        assert_eq!(participants(1, &[]), []);
        assert_eq!(participants(2, &[]), [("2".to_owned(), Kind::Comment)]);
        assert_eq!(participants(2, &[3, 1]), [("3".to_owned(), Kind::Answer), ("2".to_owned(), Kind::Comment)]);
        assert_eq!(participants(2, &[2]), [("2".to_owned(), Kind::Answer)]);
    }
}
