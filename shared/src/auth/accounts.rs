//! What this process knows about accounts that a valid token may still name: blocked ones, ended sessions.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{Condition, DbErr, EntityTrait, QueryFilter};

use crate::db::Reads;
use crate::events::{Key, Memory, ProjectionRow};
use crate::ids::UserId;

/// The part of a user's state that decides whether a token is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user state's version.
    pub version: i64,
    /// Neither blocked nor erased.
    pub active: bool,
    /// Tokens with a lower session version are refused.
    pub session_version: i64,
}

/// A copy of a user's state that holds the columns `deleted`, `blocked` and `session_version`.
pub trait AccountRow: ProjectionRow {
    /// What decides about this user's tokens.
    fn account(&self) -> Account;
}

/// Accounts that differ from the default (active, session version 0). Who is missing counts as not blocked: the signed
/// token proves that the account exists. Fed by applied states only, merged by version.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Arc<RwLock<HashMap<UserId, Account>>>);

impl Accounts {
    /// Merges one state.
    pub fn merge(&self, id: UserId, account: Account) {
        let mut accounts = self.write();
        match accounts.get_mut(&id) {
            Some(known) if known.version < account.version => *known = account,
            Some(_) => {}
            // Whoever has been blocked once keeps a session version above 0, so a stale state cannot slip in here.
            None if !account.active || account.session_version > 0 => {
                accounts.insert(id, account);
            }
            None => {}
        }
    }

    /// What is known, if anything.
    pub fn get(&self, id: UserId) -> Option<Account> {
        self.all().get(&id).copied()
    }

    /// All that is known, for whoever asks about many at once and does not wait meanwhile.
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

    /// Reads only those who are not ordinary.
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
    fn only_newer_states_count_and_ordinary_accounts_take_no_memory() {
        let accounts = Accounts::default();
        let account = |version, active, session_version| Account { version, active, session_version };
        accounts.merge(UserId(1), account(1, true, 0));
        assert_eq!(accounts.get(UserId(1)), None);
        accounts.merge(UserId(1), account(4, true, 2));
        accounts.merge(UserId(1), account(3, false, 1));
        assert_eq!(accounts.get(UserId(1)), Some(account(4, true, 2)));
    }
}
