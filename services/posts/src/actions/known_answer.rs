//! The answer to an earlier request with the same idempotency key, for requests with a picture.
//!
//! A picture is stored before the transaction. So the answer is looked for twice: before the picture is decoded, which is
//! expensive, and in the transaction, under the key's lock.

use shared::db::CommitError;
use shared::http::idempotency::{self, Answer, KeyedRequest};
use shared::work::{Db, Tx};

use crate::error::Error;

/// Finds the answer to an earlier request with the same key. `None` when there was none, or this request has no key.
pub(super) async fn find_answer(db: &Db, request: Option<&KeyedRequest>) -> Result<Option<Answer>, Error> {
    let Some(request) = request else { return Ok(None) };
    let tx = db.begin().await?;
    let known = find_known_answer(&tx, request).await?;
    // Rolled back now, because dropping the transaction would do so only later, and until then a repeated request
    // would find the key locked.
    tx.rollback().await?;
    known.transpose()
}

/// Looks for an earlier request with the same key. `None` means that this request is the first one; its key then stays
/// locked until the transaction ends. The inner result is the answer to the earlier request, or the error for a key
/// that belongs to another request or to one that is under way.
pub(super) async fn find_known_answer(tx: &Tx, request: &KeyedRequest) -> Result<Option<Result<Answer, Error>>, Error> {
    let known = idempotency::find(tx, std::slice::from_ref(request)).await?.remove(&request.id);
    Ok(known.map(|known| known.map_err(Error::from)))
}

/// True when a row may refer to the picture that was just stored: this request has stored the row itself, or the
/// outcome of its commit is unknown. False when the answer is that of an earlier request, or certainly nothing was
/// stored.
pub(super) fn may_be_referred_to(stored: &Result<Answer, Error>) -> bool {
    match stored {
        Ok(answer) => !answer.is_replayed(),
        Err(error) => matches!(error, Error::Commit(CommitError::Unknown(_))),
    }
}
