//! Likes, views and comments: the writes that come in bursts and share transactions.
//!
//! `shared::batch` collects the writes that wait while a transaction commits, and this file stores them together. A
//! transaction adds to the counters of each post once, however many of its writes concern this post, and publishes the
//! states of a stream together. Likes are written first, then comments, then counters. Each statement takes its rows in
//! the order of their keys, so that two replicas rarely wait for each other's rows.
//!
//! The routes check beforehand whether the post is visible. A write that races with the removal of its post may still
//! be stored; nobody sees it then (rule R11 of `docs/convergence.md`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use axum::http::StatusCode;
use shared::auth::CurrentUser;
use shared::batch::Batched;
use shared::error::ApiError;
use shared::events;
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::ids::UserId;
use shared::work::Tx;

use crate::answers::comment::{CommentOut, CommentSaved};
use crate::answers::message::Message;
use crate::answers::post::Views;
use crate::db::entities::{comments, counts, likes};
use crate::db::queries::comments::NewComment;
use crate::db::queries::counts::CountsChange;
use crate::db::queries::likes::NewLike;
use crate::db::queries::{
    comments as comment_queries, counts as count_queries, likes as like_queries, recounts, users,
};
use crate::domain::ids::{CommentId, PostId};
use crate::domain::threads::{MAX_DEPTH, ReplyError};
use crate::error::Error;
use crate::memory::people::People;
use crate::streams::comment::CommentState;
use crate::streams::like::LikeState;
use crate::streams::post_counts::{self, CountsState};

/// A write that waits for a transaction.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// The post that the write concerns.
    pub(crate) post: PostId,
    /// The change to make.
    pub(crate) kind: WriteKind,
    /// The request; `None` when it has no idempotency key.
    pub(crate) request: Option<KeyedRequest>,
}

/// A change that a person makes to a post.
#[derive(Clone, Debug)]
pub(crate) enum WriteKind {
    /// Makes this person's like active.
    Like { user: UserId, post_author: UserId },
    /// Takes this person's like back.
    Unlike(UserId),
    /// Counts a view.
    View,
    /// Adds a comment of this person.
    Comment(CommentWrite),
}

/// A comment that is about to be written.
#[derive(Clone, Debug)]
pub(crate) struct CommentWrite {
    pub(crate) user: CurrentUser,
    pub(crate) post_author: UserId,
    pub(crate) content: String,
    /// The comment that is answered; `None` for a comment on the post itself.
    pub(crate) reply_to: Option<CommentId>,
}

/// A thing that a transaction must not write twice. The second write with the same key waits for the next transaction.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum UniqueKey {
    /// The like of this person on this post: one statement cannot change one row twice.
    Like(UserId, PostId),
    /// A request with an idempotency key, by its id: a second one must find the answer to the first.
    Request(Vec<u8>),
}

/// The implementation of [`Batched`] that stores the writes of this service.
pub(crate) struct SharedWrites {
    /// The memory that tells whose likes and comments the counters may lack.
    pub(crate) people: People,
}

#[async_trait]
impl Batched for SharedWrites {
    type Write = Write;
    type Answer = Answer;
    type Key = UniqueKey;

    fn key(write: &Write) -> Option<UniqueKey> {
        match &write.kind {
            WriteKind::Like { user, .. } | WriteKind::Unlike(user) => Some(UniqueKey::Like(*user, write.post)),
            WriteKind::View | WriteKind::Comment(..) => {
                write.request.as_ref().map(|request| UniqueKey::Request(request.id.clone()))
            }
        }
    }

    async fn store(&self, tx: &mut Tx, writes: &[Write]) -> Result<Vec<Result<Answer, ApiError>>, ApiError> {
        Ok(store_and_answer(tx, writes, &self.people).await?)
    }
}

/// Stores writes and publishes their states. Returns the answer to each write, in the order of `writes`. The write of a
/// repeated request is not stored again; it gets the answer to the first request.
async fn store_and_answer(
    tx: &mut Tx,
    writes: &[Write],
    people: &People,
) -> Result<Vec<Result<Answer, ApiError>>, Error> {
    let requests: Vec<KeyedRequest> = writes.iter().filter_map(|write| write.request.clone()).collect();
    let mut known = idempotency::find(tx, &requests).await?;
    let is_new = |write: &&Write| write.request.as_ref().is_none_or(|request| !known.contains_key(&request.id));
    let mut stored = Stored::store(tx, writes.iter().filter(is_new), people).await?;

    let mut answers = Vec::with_capacity(writes.len());
    let mut to_keep = Vec::new();
    for write in writes {
        let known = write.request.as_ref().and_then(|request| known.remove(&request.id));
        let answer = match known {
            Some(known) => known,
            None => {
                let answer = stored.answer(write);
                // A refusal is not kept, so that the request may be tried again.
                to_keep.extend(write.request.clone().zip(answer.as_ref().ok().cloned()));
                answer
            }
        };
        answers.push(answer);
    }
    idempotency::store(tx, to_keep).await?;
    Ok(answers)
}

/// The changes of counters that a transaction collects before it makes them.
struct Counters<'a> {
    people: &'a People,
    /// The amounts to add to the counters of each post.
    changes: BTreeMap<PostId, CountsChange>,
    /// The posts whose likes and comments are counted again, because adding to their counters could be wrong.
    recounted: BTreeSet<PostId>,
}

impl<'a> Counters<'a> {
    fn new(people: &'a People) -> Self {
        Self { people, changes: BTreeMap::new(), recounted: BTreeSet::new() }
    }

    /// Returns the change of a post's counters, to which the caller adds a like or a comment of this person. `None`
    /// when the counters may lack this person: adding could be wrong, so the post is noted for counting again.
    fn change_by(&mut self, person: UserId, post: PostId) -> Option<&mut CountsChange> {
        if self.people.may_be_uncounted(person) {
            self.recounted.insert(post);
            return None;
        }
        Some(self.changes.entry(post).or_default())
    }

    /// Adds `number` to the change of `like_count` for each of these likes, unless the post has to be counted again.
    fn add_likes(&mut self, likes: &[likes::Model], number: i64) {
        for like in likes {
            if let Some(change) = self.change_by(like.user_id, like.post_id) {
                change.likes += number;
            }
        }
    }
}

/// The result of a transaction's statements, from which the answer to each of its writes is built.
struct Stored {
    /// The likes that were made active or taken back, by person and post.
    likes: HashMap<(UserId, PostId), likes::Model>,
    /// The stored comments. Comments that agree in their key are interchangeable.
    comments: HashMap<CommentKey, Vec<comments::Model>>,
    /// The comments that were not stored, because the comment that they answer cannot be answered: by their post and
    /// that comment.
    refused: HashMap<(PostId, CommentId), ReplyError>,
    /// The counters to which the transaction has added, by post.
    counts: HashMap<PostId, counts::Model>,
    /// The number of each post's views that have no answer yet.
    unanswered_views: HashMap<PostId, i64>,
}

impl Stored {
    /// Stores writes and publishes their states.
    async fn store(tx: &mut Tx, writes: impl Iterator<Item = &Write>, people: &People) -> Result<Self, Error> {
        let (mut liked, mut unliked, mut commented) = (Vec::new(), Vec::new(), Vec::new());
        let (mut commenters, mut counters) = (BTreeMap::new(), Counters::new(people));
        let writes: Vec<&Write> = writes.collect();
        let (parents, mut refused) = (find_parents(tx, &writes).await?, HashMap::new());
        for write in writes {
            match &write.kind {
                WriteKind::Like { user, post_author } => {
                    liked.push(NewLike { user: *user, post: write.post, post_author: *post_author });
                }
                WriteKind::Unlike(user) => unliked.push((*user, write.post)),
                WriteKind::View => counters.changes.entry(write.post).or_default().views += 1,
                WriteKind::Comment(comment) => {
                    let parent = match find_answerable(&parents, write.post, comment.reply_to) {
                        Ok(parent) => parent,
                        Err(error) => {
                            refused.extend(comment.reply_to.map(|parent| ((write.post, parent), error)));
                            continue;
                        }
                    };
                    let CommentWrite { user, post_author, content, .. } = comment;
                    commenters.insert(user.id, user);
                    commented.push(NewComment {
                        post: write.post,
                        post_author: *post_author,
                        author: user.id,
                        content: content.clone(),
                        parent,
                    });
                    if let Some(change) = counters.change_by(user.id, write.post) {
                        change.comments += 1;
                    }
                }
            }
        }
        // This lock is taken before all others, because a recount also locks its person before the counters.
        let writers = liked.iter().map(|like| like.user).chain(commenters.keys().copied());
        recounts::lock_shared(tx, writers.filter(|user| people.may_be_uncounted(*user)).collect()).await?;
        // Unknown commenters are inserted and unknown likers are not: a comment must be readable at once, while the
        // list of likers may leave a person out until auth's state arrives.
        users::insert_if_unknown(tx, commenters.into_values()).await?;
        // Only the returned rows tell which likes have really changed, so that a repeated like is not counted twice.
        let liked = like_queries::like(tx, liked).await?;
        let unliked = like_queries::unlike(tx, unliked).await?;
        counters.add_likes(&liked, 1);
        counters.add_likes(&unliked, -1);
        let commented = comment_queries::insert(tx, commented).await?;

        let Counters { changes, recounted, .. } = counters;
        let unanswered_views = changes.iter().map(|(post, change)| (*post, change.views)).collect();
        if !recounted.is_empty() {
            // All counters of this transaction are locked at once. Locking them in two steps could break the order of
            // the posts, in which every transaction locks counters.
            count_queries::lock(tx, changes.keys().chain(&recounted).copied().collect()).await?;
        }
        let counts = count_queries::add_to_counts(tx, changes).await?;

        let likes: Vec<likes::Model> = liked.into_iter().chain(unliked).collect();
        let states: Vec<LikeState> = likes.iter().cloned().map(LikeState::from).collect();
        events::publish(tx, &states)?;
        let states: Vec<CommentState> = commented.iter().cloned().map(CommentState::from).collect();
        events::publish(tx, &states)?;
        let states: Vec<CountsState> = counts.iter().cloned().map(CountsState::from).collect();
        events::publish(tx, &states)?;
        post_counts::recount::<Error>(tx, recounted.into_iter().collect()).await?;

        let counts = counts.into_iter().map(|row| (row.post_id, row)).collect();
        let likes = likes.into_iter().map(|like| ((like.user_id, like.post_id), like)).collect();
        Ok(Self { likes, comments: group_comments(commented), refused, counts, unanswered_views })
    }

    /// Builds the answer to one of the writes. Call this once per write, because it uses up the stored comment or the
    /// next number of views.
    fn answer(&mut self, write: &Write) -> Result<Answer, ApiError> {
        match &write.kind {
            WriteKind::Like { user, .. } => {
                let answer = Answer::new(StatusCode::OK, &Message { message: "Post liked" })?;
                Ok(match self.likes.remove(&(*user, write.post)) {
                    Some(row) => self.with_counts(answer.with_position(&LikeState::from(row)), write.post),
                    // It was active already.
                    None => answer,
                })
            }
            WriteKind::Unlike(user) => {
                let row = self.likes.remove(&(*user, write.post)).ok_or(Error::LikeNotFound)?;
                let answer = Answer::new(StatusCode::OK, &Message { message: "Like removed" })?;
                Ok(self.with_counts(answer.with_position(&LikeState::from(row)), write.post))
            }
            WriteKind::View => Answer::new(StatusCode::OK, &Views { views: self.next_view_count(write.post) }),
            WriteKind::Comment(CommentWrite { user, content, reply_to, .. }) => {
                let refused = reply_to.and_then(|parent| self.refused.get(&(write.post, parent)));
                if let Some(error) = refused {
                    return Err(Error::Reply(*error).into());
                }
                let key = (write.post, user.id, *reply_to, content.clone());
                let row = self.comments.get_mut(&key).and_then(Vec::pop);
                let row = row.ok_or_else(|| ApiError::internal("a comment was not stored"))?;
                let state = CommentState::from(row.clone());
                let comment = CommentOut::of(row, Some(user.username.clone()));
                let answer = Answer::new(StatusCode::CREATED, &CommentSaved { message: "Comment added", comment })?;
                Ok(self.with_counts(answer.with_position(&state), write.post))
            }
        }
    }

    /// Adds the position of a post's counters to an answer.
    fn with_counts(&self, answer: Answer, post: PostId) -> Answer {
        match self.counts.get(&post) {
            Some(row) => answer.with_position(&CountsState::from(row.clone())),
            None => answer,
        }
    }

    /// Takes the next view of a post that has no answer yet, and returns the number of views after it. Each view gets a
    /// number of its own, in the order in which they came, as if each had a transaction of its own.
    fn next_view_count(&mut self, post: PostId) -> i64 {
        let later = self.unanswered_views.get_mut(&post).map_or(0, |left| {
            *left -= 1;
            *left
        });
        self.counts.get(&post).map_or(0, |counts| counts.view_count - later)
    }
}

/// Reads the visible ones among the comments that these writes answer.
async fn find_parents(tx: &Tx, writes: &[&Write]) -> Result<HashMap<CommentId, comments::Model>, Error> {
    let answered = |write: &&Write| match &write.kind {
        WriteKind::Comment(comment) => comment.reply_to,
        _ => None,
    };
    let ids: BTreeSet<CommentId> = writes.iter().filter_map(answered).collect();
    // Most batches hold no answer, and need no statement.
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(comment_queries::find_shown(&**tx, ids).await?)
}

/// Returns the comment that a new comment on `post` answers; `None` for a comment on the post itself.
fn find_answerable(
    parents: &HashMap<CommentId, comments::Model>,
    post: PostId,
    reply_to: Option<CommentId>,
) -> Result<Option<comments::Model>, ReplyError> {
    let Some(id) = reply_to else { return Ok(None) };
    let parent = parents.get(&id).filter(|parent| parent.post_id == post).ok_or(ReplyError::NotFound)?;
    if parent.depth >= MAX_DEPTH { Err(ReplyError::TooDeep) } else { Ok(Some(parent.clone())) }
}

/// The post, the author, the answered comment and the content of a comment.
type CommentKey = (PostId, UserId, Option<CommentId>, String);

/// Groups comments by their keys, so that each write finds its comment: rows may come back in another order than they
/// were inserted in.
fn group_comments(rows: Vec<comments::Model>) -> HashMap<CommentKey, Vec<comments::Model>> {
    let mut groups: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let key = (row.post_id, row.author_id, row.reply_to, row.content.clone().unwrap_or_default());
        groups.entry(key).or_default().push(row);
    }
    groups
}
