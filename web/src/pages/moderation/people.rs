//! Accounts, and their blocks.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::{Path, Query};

use crate::error::Error;
use crate::pages::form::Typed;
use crate::pages::{ListQuery, html, lead_to, next_path};
use crate::views::{Moment, Page};
use crate::visit::Member;

#[derive(Template)]
#[template(path = "pages/moderation_people.html")]
struct PeoplePage {
    page: Page,
    accounts: Vec<AccountView>,
    next: Option<String>,
}

/// An account, as the page shows it.
struct AccountView {
    id: u64,
    username: String,
    role: String,
    status: String,
    created: Option<Moment>,
}

/// The reason of a block.
#[derive(Deserialize)]
pub(crate) struct BlockForm {
    #[serde(default)]
    reason: String,
}

/// Shows the accounts, newest first.
pub(crate) async fn show(Member(visit, _): Member, Query(list): Query<ListQuery>) -> Result<Response, Error> {
    let found = visit.api.accounts(list.cursor.as_deref()).await?;
    let viewer = visit.viewer();
    let accounts = found.users.into_iter().map(|account| AccountView {
        id: account.id,
        username: account.username.unwrap_or_default(),
        role: account.role.unwrap_or_default(),
        status: decided_status(account.status, account.pending),
        created: account.created_at.map(|at| viewer.moment(at)),
    });
    let (accounts, next) = (accounts.collect(), next_path("/moderation/people", found.next));
    html(&PeoplePage { page: visit.page(visit.say("moderation-people-title")).await, accounts, next })
}

/// Returns the status of an account as it was decided, also while auth has not heard of the decision yet.
fn decided_status(status: String, pending: bool) -> String {
    match (pending, &*status) {
        (true, "blocked") => "active".to_owned(),
        (true, "active") => "blocked".to_owned(),
        _ => status,
    }
}

/// Blocks an account.
pub(crate) async fn block(
    Member(visit, _): Member,
    Path(id): Path<u64>,
    Typed(typed): Typed<BlockForm>,
) -> Result<Response, Error> {
    visit.api.block_account(id, typed.reason.trim()).await?;
    Ok(lead_to("/moderation/people?done=account-blocked"))
}

/// Ends the block of an account.
pub(crate) async fn unblock(Member(visit, _): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    visit.api.unblock_account(id).await?;
    Ok(lead_to("/moderation/people?done=account-unblocked"))
}
