//! The route by which people report something.

use axum::extract::State;
use serde::Deserialize;
use shared::auth::CurrentUser;
use shared::error::FieldErrors;
use shared::http::idempotency::Answer;
use shared::http::{IdempotencyKey, ValidJson, Validate};
use shared::ids::UserId;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use crate::actions;
use crate::answers::ReportReceived;
use crate::domain::ids::{CommentId, PostId};
use crate::domain::report::{NewReport, Reason, Reported};
use crate::domain::target::Kind;
use crate::error::Error;
use crate::state::AppState;

/// A report of one post, comment or person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportIn {
    /// The reported post. Exactly one of the three ids is given.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9007199254740991i64, example = 1)]
    post_id: Option<PostId>,
    /// The reported comment.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9007199254740991i64)]
    comment_id: Option<CommentId>,
    /// The reported person.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9007199254740991i64)]
    user_id: Option<UserId>,
    reason: Reason,
    /// Anything that admins should know.
    #[schema(value_type = Option<String>, max_length = 1000, example = "The same advertisement for the third time")]
    text: Option<Lines>,
}

impl ReportIn {
    /// Lists the targets that are named.
    fn targets(&self) -> Vec<Reported> {
        let named = [
            (Kind::Post, self.post_id.map(|id| id.0)),
            (Kind::Comment, self.comment_id.map(|id| id.0)),
            (Kind::User, self.user_id.map(|id| id.0)),
        ];
        named.into_iter().filter_map(|(kind, id)| Some(Reported { kind, id: id? })).collect()
    }
}

impl Validate for ReportIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if self.targets().len() != 1 {
            errors.add_whole("must name exactly one of post_id, comment_id and user_id");
        }
        if let Some(text) = &self.text {
            text::check_lines(errors, "text", text, 0, 1_000);
        }
    }
}

/// Reports a post, a comment or a person to the admins.
///
/// Reporting the same again changes nothing and answers the first report. The outcome comes as a notification.
#[utoipa::path(
    post, path = "/reports", tag = "reports", security(("bearer" = [])), request_body = ReportIn,
    params(IdempotencyKey),
    responses((status = 201, body = ReportReceived))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn create_report(
    State(s): State<AppState>,
    user: CurrentUser,
    key: IdempotencyKey,
    ValidJson(sent): ValidJson<ReportIn>,
) -> Result<Answer, Error> {
    // The check of the body has left exactly one.
    let target = sent.targets().into_iter().next().ok_or(Error::NotFound(Kind::Post))?;
    let note = sent.text.map(String::from).filter(|text| !text.is_empty());
    actions::report(&s.db, &user, key, &NewReport { target, reason: sent.reason, note }).await
}
