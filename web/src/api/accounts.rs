//! Accounts: coming in, coming back, and one's own settings.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;

use super::{Api, Ignored, Sent, encode};
use crate::error::Error;

const AUTH: &str = "auth";

/// A pair of tokens.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

/// The visitor's own account.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) email: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) avatar_url: String,
    pub(crate) mail_digest: bool,
}

/// The data of a registration. Empty optional members are not sent.
pub(crate) struct Registration<'a> {
    pub(crate) username: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password: &'a str,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) invitation: &'a str,
    pub(crate) application: &'a str,
}

/// The offer of a link in a mail.
#[derive(Debug, Deserialize)]
pub(crate) struct LinkOffer {
    /// `verification`, `password_reset`, `email_change` or `email_undo`.
    pub(crate) purpose: String,
    pub(crate) username: String,
    /// The address that the link would give to the account.
    pub(crate) email: Option<String>,
    /// True for a verification link whose account is verified already.
    pub(crate) done: bool,
}

/// A session of the visitor.
#[derive(Debug, Deserialize)]
pub(crate) struct SessionOut {
    pub(crate) id: u64,
    pub(crate) client: Option<String>,
    pub(crate) application: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) started_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) current: bool,
}

/// The second factors of the visitor.
#[derive(Debug, Deserialize)]
pub(crate) struct TwoFactor {
    pub(crate) enabled: bool,
    pub(crate) app_since: Option<Timestamp>,
    pub(crate) recovery_codes_left: u64,
}

/// The secret of an authenticator app that is being set up.
#[derive(Debug, Deserialize)]
pub(crate) struct AppSecret {
    pub(crate) secret: String,
    pub(crate) uri: String,
}

/// The state of an export of the visitor's data.
pub(crate) enum Export {
    /// Parts are being collected: how many of how many are done.
    Working(u64, u64),
    /// The archive, a ZIP file.
    Ready(Bytes),
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<SessionOut>,
}

#[derive(Deserialize)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

#[derive(Deserialize)]
struct Mode {
    registration: String,
}

#[derive(Deserialize)]
struct Erased {
    receipt: String,
}

/// The receipt of an erasure: the things that have been erased of an account.
#[derive(Deserialize)]
pub(crate) struct Receipt {
    pub(crate) erased_at: Timestamp,
    pub(crate) complete: bool,
    pub(crate) services: Vec<ServiceReceipt>,
}

/// The part of a receipt that is about one service.
#[derive(Deserialize)]
pub(crate) struct ServiceReceipt {
    pub(crate) service: String,
    pub(crate) confirmed_at: Option<Timestamp>,
    pub(crate) counts: BTreeMap<String, u64>,
}

/// A mail in the development mailbox.
#[derive(Deserialize)]
pub(crate) struct Mail {
    pub(crate) id: u64,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) created_at: Timestamp,
}

#[derive(Deserialize)]
struct Mailbox {
    messages: Vec<Mail>,
}

impl Api {
    async fn post_auth<T: serde::de::DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, Error> {
        self.call(AUTH, Method::POST, path, Sent::Json(body), None).await
    }

    /// Returns the way in for newcomers: `open`, `invite`, `approval` or `closed`.
    pub(crate) async fn registration_mode(&self) -> Result<String, Error> {
        let mode: Mode = self.get(AUTH, "/auth/registration").await?;
        Ok(mode.registration)
    }

    /// Registers somebody.
    pub(crate) async fn register(&self, data: &Registration<'_>, key: &str) -> Result<Ignored, Error> {
        let mut body = json!({ "username": data.username, "email": data.email, "password": data.password });
        let optional = [
            ("first_name", data.first_name),
            ("last_name", data.last_name),
            ("invitation", data.invitation),
            ("application", data.application),
        ];
        if let Value::Object(members) = &mut body {
            let given = optional.into_iter().filter(|(_, value)| !value.is_empty());
            members.extend(given.map(|(name, value)| (name.to_owned(), value.into())));
        }
        self.call(AUTH, Method::POST, "/auth/register", Sent::Json(body), Some(key)).await
    }

    /// Asks for another mail with the link that verifies an account.
    pub(crate) async fn resend_verification(&self, email: &str) -> Result<Ignored, Error> {
        self.post_auth("/auth/verify/resend", json!({ "email": email })).await
    }

    /// Signs in.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Result<Tokens, Error> {
        self.post_auth("/auth/login", json!({ "username": username, "password": password })).await
    }

    /// Signs in with the code of a second factor.
    pub(crate) async fn pass_second_factor(&self, challenge: &str, code: &str) -> Result<Tokens, Error> {
        self.post_auth("/auth/login/second-factor", json!({ "challenge": challenge, "code": code })).await
    }

    /// Exchanges a refresh token for a new pair.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Error> {
        self.post_auth("/auth/refresh", json!({ "refresh_token": refresh_token })).await
    }

    /// Ends the session of a refresh token.
    pub(crate) async fn log_out(&self, refresh_token: &str) -> Result<Ignored, Error> {
        self.post_auth("/auth/logout", json!({ "refresh_token": refresh_token })).await
    }

    /// Asks for a mail that resets the password.
    pub(crate) async fn forget_password(&self, email: &str) -> Result<Ignored, Error> {
        self.post_auth("/auth/password/forgot", json!({ "email": email })).await
    }

    /// Sets a password by the token of a mail.
    pub(crate) async fn reset_password(&self, token: &str, password: &str) -> Result<Ignored, Error> {
        self.post_auth("/auth/password/reset", json!({ "token": token, "password": password })).await
    }

    /// Gets the offer of a link in a mail.
    pub(crate) async fn link(&self, token: &str) -> Result<LinkOffer, Error> {
        self.get(AUTH, &format!("/auth/links/{}", encode(token))).await
    }

    /// Does what the link of a mail offers. `path` is one of auth's paths with a token.
    pub(crate) async fn follow_link(&self, path: &str, token: &str) -> Result<Ignored, Error> {
        self.send(AUTH, Method::POST, &format!("/auth/{path}").replace("{token}", &encode(token))).await
    }

    /// Gets the visitor's own account.
    pub(crate) async fn me(&self) -> Result<Account, Error> {
        self.get(AUTH, "/auth/me").await
    }

    /// Changes members of the visitor's own account.
    pub(crate) async fn update_me(&self, members: Value) -> Result<Ignored, Error> {
        self.call(AUTH, Method::PATCH, "/auth/me", Sent::Json(members), None).await
    }

    /// Changes the password.
    pub(crate) async fn change_password(&self, current: &str, new: &str) -> Result<Ignored, Error> {
        self.post_auth("/auth/password/change", json!({ "current_password": current, "password": new })).await
    }

    /// Asks for another e-mail address.
    pub(crate) async fn change_email(&self, email: &str, password: &str) -> Result<Ignored, Error> {
        self.post_auth("/auth/email", json!({ "email": email, "password": password })).await
    }

    /// Lists the visitor's sessions.
    pub(crate) async fn sessions(&self) -> Result<Vec<SessionOut>, Error> {
        let found: Sessions = self.get(AUTH, "/auth/sessions").await?;
        Ok(found.sessions)
    }

    /// Ends a session, or all others without an id.
    pub(crate) async fn end_session(&self, id: Option<u64>) -> Result<Ignored, Error> {
        let path = id.map_or_else(|| "/auth/sessions".to_owned(), |id| format!("/auth/sessions/{id}"));
        self.send(AUTH, Method::DELETE, &path).await
    }

    /// Gets the second factors of the visitor.
    pub(crate) async fn two_factor(&self) -> Result<TwoFactor, Error> {
        self.get(AUTH, "/auth/two-factor").await
    }

    /// Begins to set up an authenticator app.
    pub(crate) async fn begin_app(&self, password: &str) -> Result<AppSecret, Error> {
        self.post_auth("/auth/two-factor/app", json!({ "password": password })).await
    }

    /// Finishes to set up an authenticator app. Returns recovery codes.
    pub(crate) async fn confirm_app(&self, code: &str) -> Result<Vec<String>, Error> {
        let codes: RecoveryCodes = self.post_auth("/auth/two-factor/app/confirm", json!({ "code": code })).await?;
        Ok(codes.recovery_codes)
    }

    /// Makes new recovery codes.
    pub(crate) async fn renew_recovery_codes(&self, password: &str) -> Result<Vec<String>, Error> {
        let path = "/auth/two-factor/recovery-codes";
        let codes: RecoveryCodes = self.post_auth(path, json!({ "password": password })).await?;
        Ok(codes.recovery_codes)
    }

    /// Takes away all second factors.
    pub(crate) async fn remove_factors(&self, password: &str) -> Result<Ignored, Error> {
        let body = Sent::Json(json!({ "password": password }));
        self.call(AUTH, Method::DELETE, "/auth/two-factor", body, None).await
    }

    /// Asks for the archive of the visitor's data, or for its state.
    pub(crate) async fn export(&self) -> Result<Export, Error> {
        let answer = self.open(AUTH, "/auth/me/export", axum::http::HeaderMap::new()).await?;
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await;
        let body = body.map_err(|error| Error::Unreadable(format!("the archive broke off: {error}")))?;
        if parts.status != StatusCode::ACCEPTED {
            return Ok(Export::Ready(body));
        }
        #[derive(Deserialize)]
        struct State {
            done: u64,
            of: u64,
        }
        let state: State = serde_json::from_slice(&body).map_err(|error| Error::Unreadable(error.to_string()))?;
        Ok(Export::Working(state.done, state.of))
    }

    /// Lists the mails of the development mailbox, newest first.
    pub(crate) async fn mails(&self) -> Result<Vec<Mail>, Error> {
        let mailbox: Mailbox = self.get(AUTH, "/dev/mail").await?;
        Ok(mailbox.messages)
    }

    /// Gets the receipt of an erasure.
    pub(crate) async fn receipt(&self, secret: &str) -> Result<Receipt, Error> {
        self.get(AUTH, &format!("/auth/erasures/{}", encode(secret))).await
    }

    /// Deletes the account. Returns the address of the receipt.
    pub(crate) async fn leave(&self, password: &str) -> Result<String, Error> {
        let body = Sent::Json(json!({ "password": password }));
        let erased: Erased = self.call(AUTH, Method::DELETE, "/auth/me", body, None).await?;
        Ok(erased.receipt)
    }
}
