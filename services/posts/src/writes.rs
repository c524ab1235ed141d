//! What comes in bursts and shares commits: likes, views and comments.
//!
//! A commit changes each post's counters once, however many of its writes concern them, and sends one message per
//! stream. Rows are written in the order likes, comments, counters, and sorted by key, as everywhere else. Whether a post is
//! shown is asked before: what races its removal may stand, invisible (rule R11).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use axum::http::StatusCode;
use shared::auth::CurrentUser;
use shared::batch::Batched;
use shared::db::Tx;
use shared::error::ApiError;
use shared::events;
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::ids::UserId;

use crate::db::entities::{comments, counts};
use crate::db::queries::comments::{CommentState, NewComment};
use crate::db::queries::likes::LikeState;
use crate::db::queries::posts::{Change, CountsState};
use crate::db::queries::{comments as comment_queries, likes, posts, recounts, users};
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::recounts::People;
use crate::routes::Message;
use crate::routes::comments::CommentSaved;
use crate::routes::posts::Views;

/// One of the writes.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// The post that it concerns.
    pub(crate) post: PostId,
    /// What is done to it.
    pub(crate) deed: Deed,
    /// The request, if it came with a key.
    pub(crate) request: Option<KeyedRequest>,
}

/// What somebody does to a post.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Switches a like on.
    Like(UserId),
    /// Switches a like off.
    Unlike(UserId),
    /// Counts a view.
    View,
    /// Adds a comment with this content.
    Comment(CurrentUser, String),
}

/// What may occur once in a commit.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Once {
    /// A like of this person.
    Like(UserId, PostId),
    /// A request that is perhaps repeated.
    Request(Vec<u8>),
}

/// Stores writes together.
pub(crate) struct Writes {
    /// Knows whose likes and comments may be left out of the counters.
    pub(crate) people: People,
}

#[async_trait]
impl Batched for Writes {
    type Write = Write;
    type Answer = Answer;
    type Key = Once;

    fn key(write: &Write) -> Option<Once> {
        match &write.deed {
            Deed::Like(user) | Deed::Unlike(user) => Some(Once::Like(*user, write.post)),
            Deed::View | Deed::Comment(..) => write.request.as_ref().map(|request| Once::Request(request.id.clone())),
        }
    }

    async fn store(&self, tx: &mut Tx, writes: &[Write]) -> Result<Vec<Result<Answer, ApiError>>, ApiError> {
        Ok(store(tx, writes, &self.people).await?)
    }
}

async fn store(tx: &mut Tx, writes: &[Write], authors: &People) -> Result<Vec<Result<Answer, ApiError>>, Error> {
    let requests: Vec<KeyedRequest> = writes.iter().filter_map(|write| write.request.clone()).collect();
    let mut known = idempotency::find(tx, &requests).await?;
    let again = |write: &&Write| write.request.as_ref().is_some_and(|request| known.contains_key(&request.id));
    let mut done = Done::of(tx, writes.iter().filter(|write| !again(write)), authors).await?;

    let mut answers = Vec::with_capacity(writes.len());
    let mut kept = Vec::new();
    for write in writes {
        let again = write.request.as_ref().and_then(|request| known.remove(&request.id));
        let answer = match again {
            Some(again) => again,
            None => {
                let answer = done.answer(write);
                kept.extend(write.request.clone().zip(answer.as_ref().ok().cloned()));
                answer
            }
        };
        answers.push(answer);
    }
    idempotency::keep(tx, kept).await?;
    Ok(answers)
}

/// What has changed in the database.
struct Done {
    /// Likes that were switched off.
    unliked: HashSet<(UserId, PostId)>,
    /// Comments by what they say: those that say the same on the same post are each as good as the other.
    comments: HashMap<(PostId, UserId, String), Vec<comments::Model>>,
    /// The counters after the commit, less the views that were not answered yet.
    counts: HashMap<PostId, counts::Model>,
    /// Views that were not answered yet.
    views: HashMap<PostId, i64>,
}

impl Done {
    /// Stores the writes, and publishes the states.
    async fn of(tx: &mut Tx, writes: impl Iterator<Item = &Write>, authors: &People) -> Result<Self, Error> {
        let mut people = BTreeMap::new();
        let (mut on, mut off, mut new) = (Vec::new(), Vec::new(), Vec::new());
        let mut changes: BTreeMap<PostId, Change> = BTreeMap::new();
        let mut recounted: BTreeSet<PostId> = BTreeSet::new();
        for write in writes {
            match &write.deed {
                Deed::Like(user) => on.push((*user, write.post)),
                Deed::Unlike(user) => off.push((*user, write.post)),
                Deed::View => changes.entry(write.post).or_default().views += 1,
                Deed::Comment(user, content) => {
                    people.insert(user.id, user);
                    new.push(NewComment { post: write.post, author: user.id, content: content.clone() });
                    if authors.may_be_left_out(user.id) {
                        recounted.insert(write.post);
                    } else {
                        changes.entry(write.post).or_default().comments += 1;
                    }
                }
            }
        }
        // Who only likes is shown in a list when auth's state has arrived.
        users::note(tx, people.into_values()).await?;
        let liked = likes::like(tx, on).await?;
        let unliked = likes::unlike(tx, off).await?;
        for (row, change) in liked.iter().map(|row| (row, 1)).chain(unliked.iter().map(|row| (row, -1))) {
            if authors.may_be_left_out(row.user_id) {
                recounted.insert(row.post_id);
            } else {
                changes.entry(row.post_id).or_default().likes += change;
            }
        }
        let new = comment_queries::insert(tx, new).await?;
        let views = changes.iter().map(|(post, change)| (*post, change.views)).collect();
        if !recounted.is_empty() {
            // In their order, as everywhere.
            recounts::lock(tx, changes.keys().chain(&recounted).copied().collect()).await?;
        }
        let counts = posts::count(tx, changes).await?;

        let off = unliked.iter().map(|row| (row.user_id, row.post_id)).collect();
        let states: Vec<LikeState> = liked.into_iter().chain(unliked).map(LikeState::from).collect();
        events::publish(tx, &states)?;
        let states: Vec<CommentState> = new.iter().cloned().map(CommentState::from).collect();
        events::publish(tx, &states)?;
        let states: Vec<CountsState> = counts.iter().cloned().map(CountsState::from).collect();
        events::publish(tx, &states)?;

        recounts::recount::<Error>(tx, recounted.into_iter().collect()).await?;

        let mut comments: HashMap<_, Vec<_>> = HashMap::new();
        for row in new {
            let says = (row.post_id, row.author_id, row.content.clone().unwrap_or_default());
            comments.entry(says).or_default().push(row);
        }
        let counts = counts.into_iter().map(|row| (row.post_id, row)).collect();
        Ok(Self { unliked: off, comments, counts, views })
    }

    /// What is answered to one of the writes. Each is asked for once.
    fn answer(&mut self, write: &Write) -> Result<Answer, ApiError> {
        match &write.deed {
            Deed::Like(_) => Answer::new(StatusCode::OK, &Message { message: "Post liked" }),
            Deed::Unlike(user) if !self.unliked.contains(&(*user, write.post)) => Err(Error::LikeNotFound.into()),
            Deed::Unlike(_) => Answer::new(StatusCode::OK, &Message { message: "Like removed" }),
            Deed::View => {
                // Each hit has a number of its own, in the order in which they came.
                let after = self.views.get_mut(&write.post).map_or(0, |left| {
                    *left -= 1;
                    *left
                });
                let views = self.counts.get(&write.post).map_or(0, |counts| counts.view_count - after);
                Answer::new(StatusCode::OK, &Views { views })
            }
            Deed::Comment(user, content) => {
                let says = (write.post, user.id, content.clone());
                let row = self.comments.get_mut(&says).and_then(Vec::pop);
                let row = row.ok_or_else(|| ApiError::internal("a comment was not stored"))?;
                Answer::new(StatusCode::CREATED, &CommentSaved::added(row, user.username.clone()))
            }
        }
    }
}
