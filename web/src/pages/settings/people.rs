//! The people whom one has muted and blocked, and the notifications that one wants.

use askama::Template;
use axum::response::Response;

use crate::error::Error;
use crate::pages::form::Typed;
use crate::pages::{html, lead_to};
use crate::views::{Page, PersonView};
use crate::visit::Member;

/// The kinds of notifications that can be switched off.
const KINDS: [&str; 5] = ["follow", "like", "comment", "answer", "mention"];

#[derive(Template)]
#[template(path = "pages/settings_people.html")]
struct PeoplePage {
    page: Page,
    muted: Vec<PersonView>,
    blocked: Vec<PersonView>,
    kinds: Vec<(&'static str, bool)>,
}

/// Shows the lists.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    let (muted, blocked, settings) =
        tokio::join!(visit.api.mutes(), visit.api.blocks(), visit.api.notification_settings());
    let (muted, blocked, settings) = (muted?.users, blocked?.users, settings?);
    let viewer = visit.viewer();
    let show = |users: &[crate::api::User]| -> Vec<PersonView> {
        let known = users.iter().filter(|user| user.username.is_some());
        known.map(|user| PersonView::new(user, &viewer)).collect()
    };
    let kinds = KINDS.into_iter().map(|kind| (kind, settings.muted.iter().any(|muted| muted == kind))).collect();
    let page = visit.page(visit.say("settings-people-title")).await;
    html(&PeoplePage { page, muted: show(&muted), blocked: show(&blocked), kinds })
}

/// Sets the kinds of notifications that the visitor wants: those whose boxes are ticked.
pub(crate) async fn set_notifications(
    Member(visit, _): Member,
    Typed(wanted): Typed<Vec<(String, String)>>,
) -> Result<Response, Error> {
    let muted: Vec<&str> = KINDS.into_iter().filter(|kind| !wanted.iter().any(|(name, _)| name == kind)).collect();
    visit.api.set_notification_settings(&muted).await?;
    Ok(lead_to("/settings/people?done=saved"))
}
