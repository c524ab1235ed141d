//! Posts and people that a visitor may like, with the reasons.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use futures_util::future::join_all;

use super::html;
use crate::api::RecommendedPost;
use crate::error::Error;
use crate::views::{Page, PersonView, PostView};
use crate::visit::{Member, Missing, Visit};

/// The number of people whose names are asked for.
const MOST_NAMES: usize = 10;

#[derive(Template)]
#[template(path = "pages/discover.html")]
struct DiscoverPage {
    page: Page,
    posts: Vec<PostView>,
    people: Vec<PersonView>,
}

/// Shows recommended posts, and people with similar taste.
pub(crate) async fn show_discover(Member(visit, _): Member) -> Result<Response, Error> {
    let (found, similar) = tokio::join!(visit.api.recommended_posts(), visit.api.similar_users(10));
    let mut missing = Missing::default();
    let found = missing.take(found, "missing-recommendations")?;
    let similar = missing.take(similar, "missing-recommendations-people")?;
    let names = names(&visit, &found).await;
    let posts: Vec<_> = found.iter().map(|found| found.post.clone()).collect();
    let mut posts = visit.show_posts(&posts).await;
    for (post, found) in posts.iter_mut().zip(&found) {
        post.because = Some(say_reason(&visit, found, &names));
    }
    let users: Vec<_> = similar.iter().map(|similar| similar.user.clone()).collect();
    let mut people = visit.show_people(&users).await;
    for (person, similar) in people.iter_mut().zip(&similar) {
        person.note = Some(visit.language.count("discover-shared", number(similar.shared_likes)));
    }
    let mut page = visit.page(visit.say("discover-title")).await;
    missing.tell(&mut page);
    html(&DiscoverPage { page, posts, people })
}

/// Asks for the names of the people because of whom posts are recommended.
async fn names(visit: &Visit, found: &[RecommendedPost]) -> HashMap<u64, String> {
    let mut ids: Vec<u64> = found.iter().filter_map(|found| found.because.first()).map(|one| one.user_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let users = join_all(ids.into_iter().take(MOST_NAMES).map(|id| visit.api.user(id))).await;
    users.into_iter().flatten().filter_map(|user| Some((user.id, user.username?))).collect()
}

/// Says why a post is recommended.
fn say_reason(visit: &Visit, found: &RecommendedPost, names: &HashMap<u64, String>) -> String {
    let language = &visit.language;
    let Some(reason) = found.because.first() else { return visit.say("discover-popular") };
    match names.get(&reason.user_id) {
        Some(name) => language.about_count("discover-because", &format!("@{name}"), number(reason.shared_likes)),
        None => language.count("discover-because-people", number(found.because.len() as u64)),
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
