//! Notifications.

use super::{Moment, PersonView, Piece, Viewer, pieces};
use crate::api::Notification;

/// A notification.
#[derive(Clone, Debug)]
pub(crate) struct NotificationView {
    /// The kind, for its picture: `follow`, `like`, `comment`, `answer`, `mention`, `warning` or `report`.
    pub(crate) kind: &'static str,
    /// The people it is about, the latest first; at most three.
    pub(crate) people: Vec<PersonView>,
    /// The sentence about their deed, which begins with their names, such as `@ann and 3 others like your post`.
    pub(crate) sentence: String,
    /// The title of the post that it concerns.
    pub(crate) title: Option<String>,
    /// The words of the comment, or of a warning.
    pub(crate) content: Vec<Piece>,
    /// The place that it leads to.
    pub(crate) href: String,
    /// The time of the latest event.
    pub(crate) created: Moment,
    /// True until the person has read up to it.
    pub(crate) unread: bool,
}

impl NotificationView {
    /// Shows a notification. `None` for a kind that this version does not know.
    pub(crate) fn new(notification: &Notification, viewer: &Viewer<'_>) -> Option<Self> {
        let people: Vec<PersonView> = notification.users.iter().take(3).map(PersonView::of_author).collect();
        let first = people.first();
        let name = first.map(|person| format!("@{}", person.username)).unwrap_or_default();
        let others = i64::try_from(notification.user_count.saturating_sub(1)).unwrap_or(i64::MAX);
        let language = viewer.language;
        let post = notification.post.as_ref();
        let path = post.map(|post| format!("/p/{}", post.id));
        let comment = notification.comment.as_ref();
        let at_comment = match (&path, comment) {
            (Some(path), Some(comment)) => Some(format!("{path}?at={}#comment-{}", comment.id, comment.id)),
            _ => path.clone(),
        };
        let (kind, sentence, href) = match &*notification.kind {
            "follow" => {
                let sentence = language.about_count("activity-follow", &name, others);
                ("follow", sentence, first.map_or_else(|| "/".to_owned(), PersonView::path))
            }
            "like" => ("like", language.about_count("activity-like", &name, others), path?),
            "comment" => ("comment", language.about("activity-comment", &name), at_comment?),
            "answer" => ("answer", language.about("activity-answer", &name), at_comment?),
            "mention" => ("mention", language.about("activity-mention", &name), at_comment?),
            "warning" => ("warning", language.say("activity-warning").into_owned(), "/activity".to_owned()),
            "report" => {
                let outcome = notification.report.as_ref().and_then(|report| report.outcome.as_deref());
                let sentence = match outcome {
                    Some("acted") => language.say("activity-report-acted"),
                    _ => language.say("activity-report-dismissed"),
                };
                ("report", sentence.into_owned(), "/activity".to_owned())
            }
            _ => return None,
        };
        let content = match (comment, &notification.warning) {
            (Some(comment), _) => pieces(&comment.content, &comment.entities),
            (None, Some(warning)) => vec![Piece::Words(warning.text.clone())],
            (None, None) => Vec::new(),
        };
        Some(Self {
            kind,
            people,
            sentence,
            title: post.map(|post| post.title.clone()),
            content,
            href,
            created: viewer.moment(notification.created_at),
            unread: !notification.read,
        })
    }
}
