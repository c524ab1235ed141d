//! The desk of the moderators.

use axum::http::Method;
use serde::Deserialize;
use serde_json::json;
use shared::clock::Timestamp;

use super::{Api, Ignored, Sent, page_of};
use crate::error::Error;

const ADMIN: &str = "admin";

/// The numbers of the whole site.
#[derive(Debug, Deserialize)]
pub(crate) struct Stats {
    pub(crate) total_users: u64,
    pub(crate) active_users: u64,
    pub(crate) total_posts: u64,
    pub(crate) total_comments: u64,
    pub(crate) total_likes: u64,
    pub(crate) blocked_users: u64,
    pub(crate) posts_last_24h: u64,
    pub(crate) users_last_24h: u64,
}

/// A case: all reports about one thing.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: u64,
    pub(crate) target: Target,
    pub(crate) status: String,
    pub(crate) report_count: u64,
    pub(crate) reasons: Vec<ReasonCount>,
    pub(crate) reported: Option<Content>,
    pub(crate) resolution: Option<Resolution>,
    pub(crate) first_reported_at: Timestamp,
    pub(crate) last_reported_at: Option<Timestamp>,
}

/// The thing that is reported.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: String,
    pub(crate) id: u64,
}

/// A reason, and how often it was given.
#[derive(Debug, Deserialize)]
pub(crate) struct ReasonCount {
    pub(crate) reason: String,
    pub(crate) count: u64,
}

/// The words of what is reported or removed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Content {
    pub(crate) author: Option<Responsible>,
    pub(crate) post_id: Option<u64>,
    pub(crate) title: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
}

/// A person who is responsible for something.
#[derive(Debug, Deserialize)]
pub(crate) struct Responsible {
    pub(crate) username: Option<String>,
}

/// The end of a case.
#[derive(Debug, Deserialize)]
pub(crate) struct Resolution {
    pub(crate) action: String,
    pub(crate) reason: Option<String>,
}

/// A page of a list of cases.
#[derive(Debug, Deserialize)]
pub(crate) struct CaseList {
    pub(crate) cases: Vec<Case>,
    pub(crate) next: Option<String>,
}

/// An account, as admins see it.
#[derive(Debug, Deserialize)]
pub(crate) struct AccountRow {
    pub(crate) id: u64,
    pub(crate) username: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) status: String,
    /// True while a decision of the moderators is not reflected in the status yet.
    pub(crate) pending: bool,
    pub(crate) created_at: Option<Timestamp>,
}

/// A page of a list of accounts.
#[derive(Debug, Deserialize)]
pub(crate) struct AccountList {
    pub(crate) users: Vec<AccountRow>,
    pub(crate) next: Option<String>,
}

/// A post or comment about which was decided.
#[derive(Debug, Deserialize)]
pub(crate) struct Judged {
    pub(crate) id: u64,
    pub(crate) content: Content,
    pub(crate) decision: Option<Decision>,
}

/// The last decision about something.
#[derive(Debug, Deserialize)]
pub(crate) struct Decision {
    pub(crate) reason: Option<String>,
    pub(crate) decided_at: Timestamp,
}

/// A page of a list of posts or comments.
#[derive(Debug, Deserialize)]
pub(crate) struct JudgedList {
    #[serde(alias = "posts", alias = "comments")]
    pub(crate) items: Vec<Judged>,
    pub(crate) next: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) at: Timestamp,
    pub(crate) actor_username: String,
    pub(crate) action: String,
    pub(crate) target_kind: String,
    pub(crate) target_id: u64,
    pub(crate) reason: Option<String>,
    pub(crate) result: String,
}

/// A page of the audit log.
#[derive(Debug, Deserialize)]
pub(crate) struct AuditList {
    pub(crate) entries: Vec<AuditEntry>,
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
struct StatsOut {
    stats: Stats,
}

impl Api {
    /// Reports a post, a comment or a person. `kind` is one of these three words.
    pub(crate) async fn report(
        &self,
        kind: &str,
        id: u64,
        reason: &str,
        text: &str,
        key: &str,
    ) -> Result<Ignored, Error> {
        let mut body = json!({ "reason": reason });
        if let serde_json::Value::Object(members) = &mut body {
            members.insert(format!("{kind}_id"), id.into());
            if !text.is_empty() {
                members.insert("text".to_owned(), text.into());
            }
        }
        self.call(ADMIN, Method::POST, "/reports", Sent::Json(body), Some(key)).await
    }

    /// Gets the numbers of the whole site.
    pub(crate) async fn stats(&self) -> Result<Stats, Error> {
        let found: StatsOut = self.get(ADMIN, "/admin/stats").await?;
        Ok(found.stats)
    }

    /// Lists cases in a status: `open`, `acted` or `dismissed`.
    pub(crate) async fn cases(&self, status: &str, cursor: Option<&str>) -> Result<CaseList, Error> {
        self.get(ADMIN, &format!("/admin/reports?status={status}&{}", page_of(20, cursor))).await
    }

    /// Ends a case with an action: `resolve`, `dismiss`, `remove`, `block` or `warn`.
    pub(crate) async fn resolve_case(&self, id: u64, action: &str, reason: &str) -> Result<Ignored, Error> {
        let reason = (!reason.is_empty()).then_some(reason);
        let body = Sent::Json(json!({ "action": action, "reason": reason }));
        self.call(ADMIN, Method::POST, &format!("/admin/reports/{id}/resolve"), body, None).await
    }

    /// Opens a case again, and takes back its action.
    pub(crate) async fn reopen_case(&self, id: u64) -> Result<Ignored, Error> {
        self.send(ADMIN, Method::POST, &format!("/admin/reports/{id}/reopen")).await
    }

    /// Lists accounts, newest first.
    pub(crate) async fn accounts(&self, cursor: Option<&str>) -> Result<AccountList, Error> {
        self.get(ADMIN, &format!("/admin/users?{}", page_of(50, cursor))).await
    }

    /// Blocks an account.
    pub(crate) async fn block_account(&self, id: u64, reason: &str) -> Result<Ignored, Error> {
        let reason = (!reason.is_empty()).then_some(reason);
        let body = Sent::Json(json!({ "reason": reason }));
        self.call(ADMIN, Method::POST, &format!("/admin/users/{id}/block"), body, None).await
    }

    /// Ends the block of an account.
    pub(crate) async fn unblock_account(&self, id: u64) -> Result<Ignored, Error> {
        self.send(ADMIN, Method::POST, &format!("/admin/users/{id}/unblock")).await
    }

    /// Lists removed posts or comments. `kinds` is one of these two words.
    pub(crate) async fn removed(&self, kinds: &str, cursor: Option<&str>) -> Result<JudgedList, Error> {
        self.get(ADMIN, &format!("/admin/{kinds}?removed=true&{}", page_of(20, cursor))).await
    }

    /// Restores a removed post or comment. `kinds` is one of these two words.
    pub(crate) async fn restore(&self, kinds: &str, id: u64) -> Result<Ignored, Error> {
        self.send(ADMIN, Method::POST, &format!("/admin/{kinds}/{id}/restore")).await
    }

    /// Lists the audit log, newest first.
    pub(crate) async fn audit(&self, cursor: Option<&str>) -> Result<AuditList, Error> {
        self.get(ADMIN, &format!("/admin/audit?{}", page_of(50, cursor))).await
    }
}
