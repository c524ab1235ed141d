//! The accounts some of whose tokens are refused although the signature of the token is valid: blocked and erased
//! accounts, and accounts whose older sessions have ended.
//!
//! Every request with a token looks up the account of its user. So these accounts are in memory, which follows the
//! service's copy of the stream `user`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Condition, DbErr, EntityTrait, QueryFilter};

use crate::db::Reads;
use crate::events::{Key, Memory, ProjectionRow};
use crate::ids::UserId;

/// The part of a user's state that decides whether the user's tokens are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The version of the user's state.
    pub version: i64,
    /// True for an account that is neither blocked nor erased.
    pub active: bool,
    /// The lowest session version that is accepted. Tokens with a lower session version are refused.
    pub session_version: i64,
}

/// A row of a copy of the stream `user`. Its table must have the columns `deleted`, `blocked` and `session_version`,
/// because [`Accounts`] selects by them.
pub trait AccountRow: ProjectionRow {
    /// Returns the part of the row that decides whether the user's tokens are accepted.
    fn account(&self) -> Account;
}

/// The accounts that differ from the default, which is active with the session version 0. An account that is missing
/// counts as not blocked, since the signed token proves that it exists (rule R10). States are merged by version (rule
/// R5). Clones share the accounts.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Arc<RwLock<HashMap<UserId, Account>>>);

impl Accounts {
    /// Takes over the account's state if it is newer than the known one. An account that is not known yet is added only
    /// if its state differs from the default.
    pub fn merge(&self, id: UserId, account: Account) {
        let mut accounts = self.write();
        match accounts.get_mut(&id) {
            Some(known) if known.version < account.version => *known = account,
            Some(_) => {}
            // A default state is not kept, so a late, older state cannot be compared with it. That is not needed: a
            // block raises the session version for ever, so after a state that differs from the default no default
            // state follows.
            None if !account.active || account.session_version > 0 => {
                accounts.insert(id, account);
            }
            None => {}
        }
    }

    /// Returns the account with the id `id`; `None` if it does not differ from the default.
    pub fn get(&self, id: UserId) -> Option<Account> {
        self.all().get(&id).copied()
    }

    /// Returns all accounts that differ from the default, under one read lock, for a caller that looks up many
    /// accounts. The caller must drop the guard before its next `.await`, because updates wait for it.
    pub fn all(&self) -> RwLockReadGuard<'_, HashMap<UserId, Account>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<UserId, Account>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<R: AccountRow> Memory<R> for Accounts {
    fn remember(&self, rows: &[R]) {
        for row in rows {
            self.merge(UserId(row.key().first()), row.account());
        }
    }

    fn forget(&self, key: &Key) {
        self.write().remove(&UserId(key.first()));
    }

    /// Reads only the accounts that differ from the default, which are few.
    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        let special = Condition::any()
            .add(Expr::col("deleted").eq(true))
            .add(Expr::col("blocked").eq(true))
            .add(Expr::col("session_version").gt(0));
        self.remember(&R::Entity::find().filter(special).all(db).await?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_newer_states_are_merged_and_ordinary_accounts_take_no_memory() {
        let accounts = Accounts::default();
        let account = |version, active, session_version| Account { version, active, session_version };
        accounts.merge(UserId(1), account(1, true, 0));
        assert_eq!(accounts.get(UserId(1)), None);
        accounts.merge(UserId(1), account(4, true, 2));
        accounts.merge(UserId(1), account(3, false, 1));
        assert_eq!(accounts.get(UserId(1)), Some(account(4, true, 2)));
    }
}
