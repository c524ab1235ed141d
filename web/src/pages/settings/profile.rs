//! The profile: names, the words about oneself, the picture.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Account, User};
use crate::error::Error;
use crate::pages::form::{Typed, Upload};
use crate::pages::{html_with, lead_to};
use crate::views::{Form, Page, PersonView};
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/settings_profile.html")]
struct ProfilePage {
    page: Page,
    form: Form,
    person: PersonView,
}

/// The form about oneself.
#[derive(Deserialize)]
pub(crate) struct ProfileForm {
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    bio: String,
}

/// Shows the form.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    let account = visit.api.me().await?;
    let form = fill(&account);
    render(&visit, &account, StatusCode::OK, form).await
}

/// Fills the form with the profile as it is.
fn fill(account: &Account) -> Form {
    let [first, last, bio] =
        [&account.first_name, &account.last_name, &account.bio].map(|text| text.as_deref().unwrap_or_default());
    Form::filled(&[("first_name", first), ("last_name", last), ("bio", bio)], "")
}

/// Changes the profile.
pub(crate) async fn update(Member(visit, _): Member, Typed(typed): Typed<ProfileForm>) -> Result<Response, Error> {
    let value = |text: &str| if text.trim().is_empty() { Value::Null } else { Value::from(text.trim()) };
    let (first, last) = (value(&typed.first_name), value(&typed.last_name));
    let members = json!({ "first_name": first, "last_name": last, "bio": value(&typed.bio) });
    let Err(error) = visit.api.update_me(members).await else {
        return Ok(lead_to("/settings?done=saved"));
    };
    let fields = [("first_name", &*typed.first_name), ("last_name", &*typed.last_name), ("bio", &*typed.bio)];
    let (status, form) = Form::filled(&fields, "").refuse(error, &visit.language)?;
    let account = visit.api.me().await?;
    render(&visit, &account, status, form).await
}

/// Sets the picture.
pub(crate) async fn set_avatar(Member(visit, session): Member, typed: Upload) -> Result<Response, Error> {
    let Some((form, body)) = typed.write(&[]) else { return Ok(lead_to("/settings")) };
    let Err(error) = visit.api.set_avatar(session.user_id, form, body).await else {
        return Ok(lead_to("/settings?done=saved"));
    };
    let account = visit.api.me().await?;
    let form = fill(&account).hiding("image");
    let (status, form) = form.refuse(error, &visit.language)?;
    render(&visit, &account, status, form).await
}

/// Takes the picture away.
pub(crate) async fn remove_avatar(Member(visit, session): Member) -> Result<Response, Error> {
    crate::pages::posts::ignore_missing(visit.api.remove_avatar(session.user_id).await)?;
    Ok(lead_to("/settings?done=saved"))
}

async fn render(visit: &Visit, account: &Account, status: StatusCode, form: Form) -> Result<Response, Error> {
    let user = User {
        id: account.id,
        username: Some(account.username.clone()),
        first_name: account.first_name.clone(),
        last_name: account.last_name.clone(),
        bio: account.bio.clone(),
        avatar_url: account.avatar_url.clone(),
        created_at: None,
    };
    let person = PersonView::new(&user, &visit.viewer());
    let page = visit.page(visit.say("settings-title")).await;
    html_with(status, &ProfilePage { page, form, person })
}
