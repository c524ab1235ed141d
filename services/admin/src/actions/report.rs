//! The write by which somebody reports a post, a comment or a person.

use shared::auth::CurrentUser;
use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::work::Db;

use crate::answers::ReportReceived;
use crate::db::queries::{cases, contents, reports};
use crate::domain::report::NewReport;
use crate::error::Error;
use crate::streams::OutcomeState;

/// The most open reports of one person.
const MOST_OPEN: u64 = 100;

/// Stores a report with what it is about as it is now, and publishes that it is open. Reporting the same again stores
/// nothing, and the answer is the first report.
///
/// # Errors
/// [`Error::NotFound`] when people do not see the target; [`Error::OwnTarget`] when it is the reporter's own;
/// [`Error::TooManyReports`]; an [`Error::Request`] when the idempotency key belongs to another request, or to one that is
/// under way; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn report(
    db: &Db,
    reporter: &CurrentUser,
    key: IdempotencyKey,
    new: &NewReport,
) -> Result<Answer, Error> {
    let (target, id) = (new.target, new.target.id.to_be_bytes());
    let note = new.note.as_deref().unwrap_or_default().as_bytes();
    let sent: [&[u8]; 4] = [target.kind.as_str().as_bytes(), &id, new.reason.as_str().as_bytes(), note];
    key.create_once(db, reporter.id, &sent, async |tx| {
        let content = contents::find_shown(&**tx, target).await?.ok_or(Error::NotFound(target.kind))?;
        let author = content.author.as_ref().map(|author| author.id);
        if author == Some(reporter.id) {
            return Err(Error::OwnTarget(target.kind));
        }
        let case = cases::open(tx, target, author).await?;
        let row = match reports::insert(tx, &case, reporter.id, new, &content).await? {
            Some(row) => {
                if reports::count_open(&**tx, reporter.id).await? > MOST_OPEN {
                    return Err(Error::TooManyReports);
                }
                cases::add_report(tx, case.id, row.id).await?;
                events::publish(tx, &[OutcomeState::from(row.clone())])?;
                row
            }
            None => reports::find_of(&**tx, reporter.id, case.id).await?.ok_or(Error::NotFound(target.kind))?,
        };
        Ok(ReportReceived::of(row))
    })
    .await
}
