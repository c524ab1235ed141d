//! The offer of a link in a mail: its purpose, and whom it is about. Programs that open links look at it, too, so nothing
//! changes.

use shared::work::Db;

use super::change_email::check_email_link;
use super::reset_password::check_reset_link;
use super::verify_email::find_registration;
use crate::db::entities::users::Model as User;
use crate::db::queries::links;
use crate::domain::link::Purpose;
use crate::domain::secret;
use crate::error::Error;

/// The offer of a link.
pub(crate) struct Offer {
    pub(crate) purpose: Purpose,
    /// The account that the link is about.
    pub(crate) user: User,
    /// The address that the link would give to the account; `None` for a link that changes no address.
    pub(crate) address: Option<String>,
}

/// Finds the offer of a link. A verification link that was used still has one, because people follow it twice.
///
/// # Errors
/// [`Error::BadLink`], [`Error::BadReset`] or [`Error::BadEmailLink`] when a link with one of these purposes is used or
/// expired, or cannot be followed for another reason. [`Error::BadEmailLink`] also when the link is unknown.
pub(crate) async fn describe_link(db: &Db, token: &str) -> Result<Offer, Error> {
    let purpose = links::find_purpose(db.read(), &secret::hash(token)).await?.ok_or(Error::BadEmailLink)?;
    let (user, address) = match purpose {
        Purpose::Verification => (find_registration(db, token).await?, None),
        Purpose::PasswordReset => (check_reset_link(db, token).await?, None),
        Purpose::EmailChange | Purpose::EmailUndo => {
            let (user, address) = check_email_link(db, purpose, token).await?;
            (user, Some(address))
        }
    };
    Ok(Offer { purpose, user, address })
}
