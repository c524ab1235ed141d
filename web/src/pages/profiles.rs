//! People: their profiles, those who follow them, and what one does about them.

use askama::Template;
use axum::response::Response;
use shared::http::{Path, Query};

use super::posts::ignore_missing;
use super::{ListQuery, html, next_path};
use crate::api::{PostList, User};
use crate::error::Error;
use crate::views::{Moment, Page, PersonView, PostView};
use crate::visit::{Member, Missing, Visit};

#[derive(Template)]
#[template(path = "pages/profile.html")]
struct ProfilePage {
    page: Page,
    person: PersonView,
    joined: Moment,
    posts: Vec<PostView>,
    next: Option<String>,
    followers: u64,
    following: u64,
    me: bool,
    muted: bool,
    blocked: bool,
    feed: String,
}

#[derive(Template)]
#[template(path = "pages/people.html")]
struct PeoplePage {
    page: Page,
    person: PersonView,
    people: Vec<PersonView>,
    total: u64,
    next: Option<String>,
    followers: bool,
}

#[derive(Template)]
#[template(path = "parts/follow.html")]
struct FollowPart {
    page: Page,
    person: PersonView,
}

/// A deed about a person; false ends it.
#[derive(Clone, Copy)]
enum Deed {
    Follow(bool),
    Mute(bool),
    Block(bool),
}

/// Shows a profile.
pub(crate) async fn show_profile(
    visit: Visit,
    Path(username): Path<String>,
    Query(list): Query<ListQuery>,
) -> Result<Response, Error> {
    let user = find(&visit, &username).await?;
    let filter = format!("author={}", user.id);
    let (posts, followers, following, person, relations) = tokio::join!(
        visit.api.posts(&filter, list.cursor.as_deref()),
        visit.api.circle(user.id, true, 1, None),
        visit.api.circle(user.id, false, 1, None),
        visit.show_people(std::slice::from_ref(&user)),
        relations(&visit, user.id),
    );
    let mut missing = Missing::default();
    // Nothing is shown of somebody whom the visitor has blocked.
    let posts = if relations.1 { PostList::default() } else { missing.take(posts, "missing-posts")? };
    let followers = if relations.1 { 0 } else { missing.take(followers, "missing-followers")?.total };
    let following = following.map(|list| list.total).unwrap_or_default();
    let person = person.into_iter().next().ok_or_else(Error::not_found)?;
    let shown = visit.show_posts(&posts.posts).await;
    let mut page = visit.page(person.display_name().to_owned()).await;
    missing.tell(&mut page);
    page.canonical = Some(visit.address(&person.path()));
    page.description.clone_from(&person.bio);
    page.image = Some(visit.address(&person.avatar_url));
    page.feed = Some(format!("/users/{}/feed", user.id));
    html(&ProfilePage {
        joined: visit.viewer().moment(user.created_at.unwrap_or_default()),
        posts: shown,
        next: next_path(&person.path(), posts.next),
        followers,
        following,
        me: visit.session.as_ref().is_some_and(|session| session.user_id == user.id),
        muted: relations.0,
        blocked: relations.1,
        feed: format!("/users/{}/feed", user.id),
        person,
        page,
    })
}

/// Returns whether the visitor has muted and blocked a person.
async fn relations(visit: &Visit, id: u64) -> (bool, bool) {
    if !visit.api.has_token() {
        return (false, false);
    }
    let (muted, blocked) = tokio::join!(visit.api.mutes(), visit.api.blocks());
    let has =
        |list: Result<crate::api::UserList, Error>| list.is_ok_and(|list| list.users.iter().any(|one| one.id == id));
    (has(muted), has(blocked))
}

/// Finds a person. The API hides those whom the visitor has blocked, who are in a list of their own.
async fn find(visit: &Visit, username: &str) -> Result<User, Error> {
    if let Some(found) = visit.api.user_named(username).await? {
        return Ok(found);
    }
    let blocked = if visit.api.has_token() { visit.api.blocks().await?.users } else { Vec::new() };
    let is_meant = |user: &User| user.username.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(username));
    blocked.into_iter().find(is_meant).ok_or_else(Error::not_found)
}

/// Shows the followers of a person.
pub(crate) async fn show_followers(
    visit: Visit,
    Path(username): Path<String>,
    Query(list): Query<ListQuery>,
) -> Result<Response, Error> {
    show_circle(&visit, &username, true, list.cursor.as_deref()).await
}

/// Shows the people whom a person follows.
pub(crate) async fn show_following(
    visit: Visit,
    Path(username): Path<String>,
    Query(list): Query<ListQuery>,
) -> Result<Response, Error> {
    show_circle(&visit, &username, false, list.cursor.as_deref()).await
}

async fn show_circle(visit: &Visit, username: &str, followers: bool, cursor: Option<&str>) -> Result<Response, Error> {
    let user = find(visit, username).await?;
    let list = visit.api.circle(user.id, followers, 30, cursor).await?;
    let known: Vec<User> = list.users.into_iter().filter(|user| user.username.is_some()).collect();
    let (people, person) = (visit.show_people(&known).await, PersonView::new(&user, &visit.viewer()));
    let title = if followers { "people-followers-of" } else { "people-followed-by" };
    let page = visit.page(visit.language.about(title, person.display_name())).await;
    let path = format!("{}/{}", person.path(), if followers { "followers" } else { "following" });
    let (total, next) = (list.total, next_path(&path, list.next));
    html(&PeoplePage { page, person, people, total, next, followers })
}

/// Follows a person.
pub(crate) async fn follow(member: Member, Path(username): Path<String>) -> Result<Response, Error> {
    carry_out(member, &username, Deed::Follow(true)).await
}

/// Ends to follow a person.
pub(crate) async fn unfollow(member: Member, Path(username): Path<String>) -> Result<Response, Error> {
    carry_out(member, &username, Deed::Follow(false)).await
}

/// Mutes a person.
pub(crate) async fn mute(member: Member, Path(username): Path<String>) -> Result<Response, Error> {
    carry_out(member, &username, Deed::Mute(true)).await
}

/// Ends to mute a person.
pub(crate) async fn unmute(member: Member, Path(username): Path<String>) -> Result<Response, Error> {
    carry_out(member, &username, Deed::Mute(false)).await
}

/// Blocks a person.
pub(crate) async fn block(member: Member, Path(username): Path<String>) -> Result<Response, Error> {
    carry_out(member, &username, Deed::Block(true)).await
}

/// Ends to block a person.
pub(crate) async fn unblock(member: Member, Path(username): Path<String>) -> Result<Response, Error> {
    carry_out(member, &username, Deed::Block(false)).await
}

/// Does something about a person, and answers with the follow button for a module, or with the page from which it was
/// done.
async fn carry_out(Member(visit, _): Member, username: &str, deed: Deed) -> Result<Response, Error> {
    let user = find(&visit, username).await?;
    match deed {
        Deed::Follow(follows) => match visit.api.follow(user.id, follows).await {
            // Already followed: the visitor sees what was wanted.
            Err(error) if error.has_code("already_subscribed") => {}
            done => ignore_missing_end(done, follows)?,
        },
        Deed::Mute(mutes) => ignore_missing_end(visit.api.mute(user.id, mutes).await, mutes)?,
        Deed::Block(blocks) => ignore_missing_end(visit.api.block(user.id, blocks).await, blocks)?,
    }
    if visit.wants_part() {
        let people = visit.show_people(std::slice::from_ref(&user)).await;
        let person = people.into_iter().next().ok_or_else(Error::not_found)?;
        return html(&FollowPart { page: visit.plain_page(""), person });
    }
    Ok(visit.lead_back(&format!("/@{username}"), ""))
}

/// Takes the refusal to end what is not there for its success.
fn ignore_missing_end<T>(result: Result<T, Error>, begins: bool) -> Result<(), Error> {
    if begins { result.map(drop) } else { ignore_missing(result) }
}
