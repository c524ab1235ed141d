//! The first page: the posts of the people whom one follows, or what this place is.

use askama::Template;
use axum::response::Response;
use shared::http::Query;

use super::{ListQuery, html, next_path};
use crate::error::Error;
use crate::views::{Page, PersonView, PostView};
use crate::visit::{Missing, Visit, ornament};

#[derive(Template)]
#[template(path = "pages/home.html")]
struct HomePage {
    page: Page,
    posts: Vec<PostView>,
    next: Option<String>,
    suggestions: Vec<PersonView>,
    follows_nobody: bool,
    newest: u64,
}

#[derive(Template)]
#[template(path = "pages/welcome.html")]
struct WelcomePage {
    page: Page,
    posts: Vec<PostView>,
    demo: bool,
    registration: &'static str,
}

/// Shows the feed of somebody who is signed in, and the welcome page to everybody else.
pub(crate) async fn show_home(visit: Visit, Query(list): Query<ListQuery>) -> Result<Response, Error> {
    if visit.session.is_none() {
        return show_welcome(visit).await;
    }
    let (feed, suggestions) = tokio::join!(visit.api.feed(list.cursor.as_deref()), suggest(&visit));
    let mut missing = Missing::default();
    let feed = missing.take(feed, "missing-feed")?;
    let posts = visit.show_posts(&feed.posts).await;
    let mut page = visit.page(visit.say("home-title")).await;
    missing.tell(&mut page);
    html(&HomePage {
        follows_nobody: feed.posts.is_empty() && list.cursor.is_none() && missing.is_empty(),
        newest: if list.cursor.is_none() { feed.posts.first().map_or(0, |post| post.id) } else { 0 },
        posts,
        next: next_path("/", feed.next),
        suggestions,
        page,
    })
}

/// Suggests people to follow: those with similar taste, or else the authors of the newest posts.
async fn suggest(visit: &Visit) -> Vec<PersonView> {
    let own = visit.session.as_ref().map(|session| session.user_id);
    let similar = ornament(visit.api.similar_users(5)).await;
    let mut people: Vec<_> = similar.into_iter().map(|similar| similar.user).collect();
    if people.is_empty() {
        let newest = ornament(visit.api.posts("", None)).await.posts;
        let mut ids: Vec<u64> = newest.iter().map(|post| post.author.id).filter(|id| Some(*id) != own).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids.into_iter().take(5) {
            people.extend(ornament(async { visit.api.user(id).await.map(Some) }).await);
        }
    }
    let people = visit.show_people(&people).await;
    people.into_iter().filter(|person| person.relation.is_none_or(|relation| !relation.followed)).collect()
}

async fn show_welcome(visit: Visit) -> Result<Response, Error> {
    let (posts, mode) = tokio::join!(visit.api.posts("", None), visit.api.registration_mode());
    let mut missing = Missing::default();
    let newest = missing.take(posts, "missing-posts")?.posts;
    let mode = missing.take(mode, "missing-accounts")?;
    let posts = visit.show_posts(&newest).await;
    let mut page = visit.page(visit.say("site-name")).await;
    missing.tell(&mut page);
    page.canonical = Some(visit.address("/"));
    page.description = Some(visit.say("welcome-description"));
    html(&WelcomePage { demo: posts.is_empty() && missing.is_empty(), posts, registration: known_mode(&mode), page })
}

/// Returns the way in for newcomers as one of the words that templates know.
pub(super) fn known_mode(mode: &str) -> &'static str {
    match mode {
        "invite" => "invite",
        "approval" => "approval",
        "closed" => "closed",
        _ => "open",
    }
}
