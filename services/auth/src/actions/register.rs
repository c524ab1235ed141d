//! Registration: stores an account together with the mail that holds its verification link.
//!
//! A stranger must not learn which addresses have an account. So a known address gets the same answer: its owner gets a
//! mail that says so, and the username is reserved, which makes it look like an unverified account (ADR 7).

use axum::http::StatusCode;
use sea_orm::ConnectionTrait;
use serde::Serialize;
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::{Db, Tx};

use super::erase_newcomer::{Reason, erase_newcomer};
use crate::credentials::Hasher;
use crate::db::queries::users::{NewUser, NotStored};
use crate::db::queries::{invitations, reservations, users};
use crate::domain::joining::{Joining, REFUSED_DOMAIN, Registration};
use crate::domain::{InvitationId, Username, secret};
use crate::error::Error;
use crate::mail::MailQueue;
use crate::streams::user::UserState;

/// The number of registrations that may wait for their verification. Without this limit strangers could register
/// endlessly, and each registration leaves rows and mails behind.
const MAX_WAITING: u64 = 10_000;

/// A person who wants to register. All fields have been checked, except for the strength of the password.
pub(crate) struct Applicant {
    pub(crate) username: Username,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    /// The code of an invitation.
    pub(crate) invitation: Option<String>,
    /// The person's own words to the admin who decides.
    pub(crate) application: Option<String>,
}

/// Registers a person. A known address gets the same answer and no account. `welcome` is the body of the answer; it is
/// stored under the idempotency key, so that a repeated request gets it again.
///
/// # Errors
/// [`Error::RegistrationClosed`]; [`Error::NotAccepted`] for an address, an invitation or an application that the rules
/// of joining refuse; [`Error::UsernameTaken`], [`Error::WeakPassword`], [`Error::Busy`], [`Error::TooManyApplicants`],
/// or an [`Error::Request`] when the idempotency key belongs to another request.
pub(crate) async fn register(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    rules: &Joining,
    mut key: IdempotencyKey,
    applicant: Applicant,
    welcome: &(impl Serialize + Sync),
) -> Result<Answer, Error> {
    check(rules, &applicant)?;
    let (username, email) = (applicant.username.as_str(), &applicant.email);
    // The password is hashed for everybody, so that the time of the answer does not tell whether the address is known,
    // and before the transaction, because no row may stay locked for as long as a hash takes.
    let new = NewUser {
        password_hash: hasher.hash_if_strong(&applicant.password, username, email).await?,
        username: applicant.username,
        email: applicant.email,
        first_name: applicant.first_name,
        last_name: applicant.last_name,
        role: Role::User,
        verified_at: None,
        application: applicant.application.filter(|_| rules.registration == Registration::Approval),
    };
    let invitation = applicant.invitation.filter(|_| rules.registration == Registration::Invite);
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    // The password is not a part of the request's identity, because a fast hash of it must not be stored beside the
    // slow one.
    let identity = [new.username.as_str().as_bytes(), new.email.as_bytes()];
    if let Some(known) = key.find(&tx, None, &identity).await? {
        // Rolled back now, because dropping the transaction would do so only later, and until then a repeated request
        // would find the key locked.
        tx.rollback().await?;
        return Ok(known);
    }
    require_room(&*tx, now, MAX_WAITING).await?;
    // Before the invitation, which an account that is erased here may hold.
    free_username(&mut tx, &new.username, now).await?;
    // Held before the address is looked up, so that it does not tell whether the address is known.
    let invitation = match invitation {
        Some(code) => Some(hold_invitation(&tx, &code, now).await?),
        None => None,
    };
    let person = store(&mut tx, mails, new, now).await?;
    if let Some((invitation, person)) = invitation.zip(person) {
        invitations::set_guest(&*tx, invitation, person).await?;
    }
    key.note_person(person);
    let answer = key.answer(&tx, StatusCode::CREATED, welcome).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(answer)
}

/// Refuses a registration that the rules of joining exclude. The owner of the address makes no difference.
fn check(rules: &Joining, applicant: &Applicant) -> Result<(), Error> {
    let refuse = |field, rule| Err(Error::NotAccepted { field, rule });
    match rules.registration {
        Registration::Closed => return Err(Error::RegistrationClosed),
        Registration::Invite if applicant.invitation.is_none() => {
            return refuse("invitation", "is needed to register here");
        }
        Registration::Approval if applicant.application.is_none() => {
            return refuse("application", "is needed here: say in a sentence why you would like to join");
        }
        Registration::Open | Registration::Invite | Registration::Approval => {}
    }
    if rules.refuses(&applicant.email) { refuse("email", REFUSED_DOMAIN) } else { Ok(()) }
}

/// Refuses a username that somebody has, and frees one whose holder has not become a member in time.
async fn free_username(tx: &mut Tx, username: &Username, now: Timestamp) -> Result<(), Error> {
    let holder = users::find_holder(&**tx, username.as_str()).await?;
    let is_reserved = reservations::find(&**tx, username.as_str(), now).await?.is_some();
    match holder {
        // Its time is over, but the hourly task has not come by yet.
        Some(holder) if holder.has_expired(now) => erase_newcomer(tx, holder.user_id(), Reason::Expired, now).await,
        Some(_) => Err(Error::UsernameTaken),
        None if is_reserved => Err(Error::UsernameTaken),
        None => Ok(()),
    }
}

/// Holds the invitation with this code until the registration is confirmed, or a day is over.
async fn hold_invitation(tx: &Tx, code: &str, now: Timestamp) -> Result<InvitationId, Error> {
    let held = invitations::hold(&**tx, &secret::hash(code), now).await?;
    held.ok_or(Error::NotAccepted { field: "invitation", rule: "is unknown, expired, or used by somebody else" })
}

/// Stores an account that waits for its verification, or a reservation when somebody owns the mailbox. Other accounts
/// that wait for the same mailbox stay as they are: none of them owns it (ADR 23). Returns the id of the account, or
/// `None` for a reservation.
async fn store(tx: &mut Tx, mails: &MailQueue, new: NewUser, now: Timestamp) -> Result<Option<UserId>, Error> {
    // All three are looked up for everybody, so that the work does not tell whether the address is known.
    let owner = users::find_owner(&**tx, &new.email).await?;
    if let Some(owner) = owner {
        if !reservations::insert_if_free(&**tx, new.username.key(), new.password_hash, now).await? {
            return Err(Error::UsernameTaken);
        }
        mails.add_already_registered(&**tx, &owner, now).await?;
        return Ok(None);
    }
    let user = users::insert(&**tx, new, now).await.map_err(|error| match error {
        NotStored::Db(error) => error.into(),
        NotStored::Username | NotStored::Email => Error::UsernameTaken,
    })?;
    mails.add_verification(&**tx, std::slice::from_ref(&user), now).await?;
    let id = user.user_id();
    events::publish(tx, &[UserState::from(user)])?;
    Ok(Some(id))
}

/// Refuses a registration when too many others wait. Simultaneous transactions do not see each other, so they may
/// exceed the limit by their own number.
async fn require_room(db: &impl ConnectionTrait, now: Timestamp, max_waiting: u64) -> Result<(), Error> {
    let waiting = users::count_waiting(db, now).await? + reservations::count(db, now).await?;
    if waiting < max_waiting { Ok(()) } else { Err(Error::TooManyApplicants) }
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;
    use shared::config::{Env, Settings};

    use super::*;
    use crate::db::Migrator;
    use crate::domain::link::VERIFY_WITHIN;

    #[tokio::test]
    async fn registrations_that_wait_for_their_verification_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
        let clock = Clock::fixed(Clock::system().now());
        let settings = Settings::from_env(&env, 8000).unwrap();
        let db = Db::open(&settings, "auth", clock.clone()).await.unwrap();
        db.migrate(shared::db::Schema::of::<Migrator>()).await.unwrap();
        let tx = db.begin().await.unwrap();
        let now = clock.now();
        for name in ["carl", "dora"] {
            let new = NewUser {
                username: Username::parse(name).unwrap(),
                email: "one@example.org".into(),
                password_hash: "x".into(),
                first_name: None,
                last_name: None,
                role: Role::User,
                verified_at: None,
                application: None,
            };
            users::insert(&*tx, new, now).await.unwrap();
        }
        for name in ["ann", "bob"] {
            assert!(reservations::insert_if_free(&*tx, name.into(), "x".into(), now).await.unwrap());
        }
        require_room(&*tx, now, 5).await.unwrap();
        assert!(matches!(require_room(&*tx, now, 4).await, Err(Error::TooManyApplicants)));
        require_room(&*tx, now + VERIFY_WITHIN, 1).await.unwrap();
        drop(tx);
        db.close().await;
    }
}
