//! The table of rights: one row for each described operation, with its rule and a request that fits its description.

use axum::http::Method;

/// The people and programs that call every operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Sends no token.
    Nobody,
    /// Bob, who owns none of the things.
    Stranger,
    /// Ann, who owns the things.
    Owner,
    Admin,
    /// A person whom an admin has blocked.
    Blocked,
    /// Ann with a token whose time is over.
    Expired,
    /// A person with a token of a session that has ended.
    Ended,
    /// A client to which ann has granted `read`.
    Reader,
    /// A client to which ann has granted `write`.
    Writer,
    /// A client to which the admin has granted `write`, but not `admin`.
    AdminWithoutScope,
    /// A client to which the admin has granted `admin`.
    AdminWithScope,
}

/// Every caller.
pub(crate) const CALLERS: [Caller; 11] = [
    Caller::Nobody,
    Caller::Stranger,
    Caller::Owner,
    Caller::Admin,
    Caller::Blocked,
    Caller::Expired,
    Caller::Ended,
    Caller::Reader,
    Caller::Writer,
    Caller::AdminWithoutScope,
    Caller::AdminWithScope,
];

/// The rule of an operation: the callers that it lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Everybody. No token is read; the proof that an operation asks for stands in the path or in the body.
    Open,
    /// Everybody with a valid token.
    Person,
    /// Everybody with a valid token of Chatty's own login. The operation is about the caller's own account.
    Account,
    /// The owner of the thing in the path; everybody else with a valid token gets this status.
    Owner(u16),
    /// The same for things that belong to an account, which other people's clients do not reach.
    AccountOwner(u16),
    /// Administrators, and the clients to which they have granted `admin`.
    Admin,
    /// Administrators with a token of Chatty's own login.
    AccountAdmin,
}

impl Rule {
    /// Returns the status with which the rule refuses a caller; `None` if it lets the caller through.
    pub(crate) fn refusal(self, caller: Caller, method: &Method) -> Option<u16> {
        use Caller::{
            Admin, AdminWithScope, AdminWithoutScope, Blocked, Ended, Expired, Nobody, Owner, Reader, Writer,
        };
        let is_client = matches!(caller, Reader | Writer | AdminWithoutScope | AdminWithScope);
        match (self, caller) {
            (Self::Open, _) => None,
            (_, Nobody | Expired | Ended) => Some(401),
            (_, Blocked) => Some(403),
            (_, Reader) if !method.is_safe() => Some(403),
            (Self::Account | Self::AccountOwner(_) | Self::AccountAdmin, _) if is_client => Some(403),
            (Self::Person | Self::Account, _)
            | (Self::Owner(_) | Self::AccountOwner(_), Owner | Reader | Writer)
            | (Self::Admin | Self::AccountAdmin, Admin)
            | (Self::Admin, AdminWithScope) => None,
            (Self::Owner(status) | Self::AccountOwner(status), _) => Some(status),
            (Self::Admin | Self::AccountAdmin, _) => Some(403),
        }
    }
}

/// The body of a request. Names in braces stand for values of the world.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sent {
    Nothing,
    Json(&'static str),
    Form(&'static str),
}

/// An operation with its rule.
pub(crate) struct Row {
    /// Method and template, as in the description of the API.
    pub(crate) operation: &'static str,
    pub(crate) rule: Rule,
    /// The path of the request. Names in braces stand for values of the world.
    pub(crate) path: &'static str,
    pub(crate) sent: Sent,
    /// The status for callers that the rule lets through. It may be a refusal for another reason, such as an unknown
    /// link.
    pub(crate) status: u16,
    /// The opposite request, method and path. It is sent first, and so the same person can call the operation twice.
    pub(crate) opposite: Option<&'static str>,
}

impl Row {
    const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    const fn json(self, json: &'static str) -> Self {
        Self { sent: Sent::Json(json), ..self }
    }

    const fn form(self, form: &'static str) -> Self {
        Self { sent: Sent::Form(form), ..self }
    }

    const fn after(self, opposite: &'static str) -> Self {
        Self { opposite: Some(opposite), ..self }
    }

    /// Returns the method of the operation.
    pub(crate) fn method(&self) -> Method {
        self.operation.split(' ').next().unwrap().parse().unwrap()
    }
}

const fn row(operation: &'static str, rule: Rule, status: u16) -> Row {
    Row { operation, rule, path: "", sent: Sent::Nothing, status, opposite: None }
}

const AUTHORIZE: &str = "/auth/authorize?response_type=code&client_id={client}&code_challenge_method=S256\
    &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const DENIED: &str = "decision=deny&response_type=code&client_id={client}&code_challenge_method=S256\
    &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const NEW_PERSON: &str =
    r#"{"username":"p{unique}","email":"p{unique}@example.org","password":"correct horse battery"}"#;
const PASSWORD: &str = r#"{"password":"correct horse battery"}"#;
const NEW_PASSWORD: &str = r#"{"current_password":"correct horse battery","password":"a boat, a lamp, a horse"}"#;
const NEW_EMAIL: &str = r#"{"email":"n{unique}@example.org","password":"correct horse battery"}"#;
const NEW_PASSKEY: &str = r#"{"name":"My phone","password":"correct horse battery"}"#;
const MADE_PASSKEY: &str = r#"{"challenge":"unknown","credential":{"id":"AA","rawId":"AA","type":"public-key",
    "response":{"attestationObject":"AA","clientDataJSON":"AA"}}}"#;
const SHOWN_PASSKEY: &str = r#"{"challenge":"unknown","credential":{"id":"AA","rawId":"AA","type":"public-key",
    "response":{"authenticatorData":"AA","clientDataJSON":"AA","signature":"AA"}}}"#;
const UNKNOWN: &str = "dW5rbm93biB1bmtub3duIHVua25vd24gdW5rbm93bi4";

/// All operations. What an administrator decides comes last, because it hides the things that the other rows need.
pub(crate) const TABLE: [Row; 137] = {
    use Rule::{Account, AccountAdmin, AccountOwner, Admin, Open, Owner, Person};
    [
        row("GET /.well-known/jwks.json", Open, 200),
        row("GET /.well-known/oauth-authorization-server", Open, 200),
        row("POST /auth/register", Open, 201).json(NEW_PERSON),
        row("POST /auth/login", Open, 200).json(r#"{"username":"ann","password":"correct horse battery"}"#),
        row("POST /auth/login/second-factor", Open, 401).json(r#"{"challenge":"unknown","code":"123456"}"#),
        row("POST /auth/login/second-factor/passkey", Open, 401).json(r#"{"challenge":"unknown"}"#),
        row("POST /auth/passkeys/login", Open, 200),
        row("POST /auth/passkeys/login/confirm", Open, 401).json(SHOWN_PASSKEY),
        row("GET /auth/registration", Open, 200),
        row("POST /auth/refresh", Open, 401).json(r#"{"refresh_token":"unknown"}"#),
        row("POST /auth/logout", Open, 204).json(r#"{"refresh_token":"unknown"}"#),
        row("POST /auth/token", Open, 200).form("grant_type=password&username=ann&password=correct+horse+battery"),
        row("POST /auth/revoke", Open, 200).form("token=unknown"),
        row("GET /auth/authorize", Open, 200).at(AUTHORIZE),
        row("POST /auth/authorize", Open, 303).form(DENIED),
        row("POST /auth/password/forgot", Open, 202).json(r#"{"email":"nobody@example.org"}"#),
        row("POST /auth/password/reset", Open, 404).json(r#"{"token":"unknown","password":"a boat, a lamp, a horse"}"#),
        row("GET /auth/password/reset/{token}", Open, 303),
        row("GET /auth/links/{token}", Open, 404),
        row("POST /auth/verify/resend", Open, 202).json(r#"{"email":"nobody@example.org"}"#),
        row("GET /auth/verify/{token}", Open, 303),
        row("POST /auth/verify/{token}", Open, 404),
        row("POST /auth/verify/{token}/reject", Open, 404),
        row("GET /auth/email/confirm/{token}", Open, 303),
        row("POST /auth/email/confirm/{token}", Open, 404),
        row("GET /auth/email/undo/{token}", Open, 303),
        row("POST /auth/email/undo/{token}", Open, 404),
        row("GET /auth/digest/{token}", Open, 303),
        row("POST /auth/digest/{token}", Open, 404).at("/auth/digest/1-x"),
        row("GET /auth/erasures/{token}", Open, 404),
        row("GET /users", Open, 200).at("/users?username=ann"),
        row("GET /users/{id}", Open, 200).at("/users/{ann}"),
        row("GET /users/{id}/followers", Open, 200).at("/users/{ann}/followers"),
        row("GET /users/{id}/following", Open, 200).at("/users/{ann}/following"),
        row("GET /posts", Open, 200),
        row("GET /posts/{id}", Open, 200).at("/posts/{post}"),
        row("GET /posts/{id}/comments", Open, 200).at("/posts/{post}/comments"),
        row("GET /posts/{id}/likes", Open, 200).at("/posts/{post}/likes"),
        row("POST /posts/{id}/views", Open, 200).at("/posts/{post}/views"),
        row("GET /users/{id}/avatar", Open, 200).at("/users/{ann}/avatar"),
        row("GET /media/{name}", Open, 404).at("/media/unknown.png"),
        row("GET /posts.atom", Open, 200),
        row("GET /posts.json", Open, 200),
        row("GET /users/{id}/feed.atom", Open, 200).at("/users/{ann}/feed.atom"),
        row("GET /users/{id}/feed.json", Open, 200).at("/users/{ann}/feed.json"),
        row("GET /tags/{tag}/feed.atom", Open, 200).at("/tags/rust/feed.atom"),
        row("GET /tags/{tag}/feed.json", Open, 200).at("/tags/rust/feed.json"),
        row("GET /auth/me", Person, 200),
        row("PATCH /auth/me", Person, 200).json(r#"{"bio":"Changed {unique}"}"#),
        row("GET /auth/sessions", Account, 200),
        row("DELETE /auth/sessions/{id}", AccountOwner(404), 204).at("/auth/sessions/{session}"),
        row("DELETE /auth/sessions", Account, 204),
        row("GET /auth/clients", Account, 200),
        row("POST /auth/clients", Account, 201).json(r#"{"name":"Mine","redirect_uris":["https://app.example/"]}"#),
        row("DELETE /auth/clients/{id}", AccountOwner(404), 204).at("/auth/clients/{client}"),
        row("GET /auth/two-factor", Account, 200),
        row("POST /auth/two-factor/app", Account, 200).json(PASSWORD),
        row("POST /auth/two-factor/app/confirm", Account, 409).json(r#"{"code":"123456"}"#),
        row("DELETE /auth/two-factor/app", Account, 409).json(PASSWORD),
        row("POST /auth/passkeys", Account, 200).json(NEW_PASSKEY),
        row("POST /auth/passkeys/confirm", Account, 400).json(MADE_PASSKEY),
        row("DELETE /auth/passkeys/{id}", Account, 404).at("/auth/passkeys/1").json(PASSWORD),
        row("POST /auth/two-factor/recovery-codes", Account, 409).json(PASSWORD),
        row("DELETE /auth/two-factor", Account, 409).json(PASSWORD),
        row("POST /auth/invitations", Account, 201).json(r#"{"note":"for a friend"}"#),
        row("GET /auth/me/log", Account, 200),
        row("GET /auth/me/export", Account, 202),
        row("DELETE /auth/me/export", Account, 404),
        row("GET /auth/invitations", Account, 200),
        row("DELETE /auth/invitations/{id}", AccountOwner(404), 204).at("/auth/invitations/{invitation}"),
        row("POST /auth/email", Account, 202).json(NEW_EMAIL),
        row("POST /auth/password/change", Account, 204).json(NEW_PASSWORD),
        row("DELETE /auth/me", Account, 202).json(PASSWORD),
        row("POST /posts", Person, 201).json(r#"{"title":"New","content":"New"}"#),
        row("POST /media", Person, 415).json("{}"),
        row("PUT /users/{id}/avatar", Owner(403), 415).at("/users/{ann}/avatar").json("{}"),
        row("DELETE /users/{id}/avatar", Owner(403), 404).at("/users/{ann}/avatar"),
        row("PATCH /posts/{id}", Owner(403), 200).at("/posts/{post}").json(r#"{"title":"Changed"}"#),
        row("DELETE /posts/{id}", Owner(403), 200).at("/posts/{post}"),
        row("POST /posts/{id}/comments", Person, 201).at("/posts/{post}/comments").json(r#"{"content":"New"}"#),
        row("PATCH /posts/{id}/comments/{cid}", Owner(403), 200)
            .at("/posts/{post}/comments/{comment}")
            .json(r#"{"content":"Changed"}"#),
        row("DELETE /posts/{id}/comments/{cid}", Owner(403), 200).at("/posts/{post}/comments/{comment}"),
        row("POST /posts/{id}/likes", Person, 200).at("/posts/{post}/likes").after("DELETE /posts/{post}/likes"),
        row("DELETE /posts/{id}/likes", Person, 200).at("/posts/{post}/likes").after("POST /posts/{post}/likes"),
        row("GET /posts/mine", Person, 200),
        row("GET /comments/mine", Person, 200),
        row("GET /likes/mine", Person, 200),
        row("PUT /posts/{id}/bookmark", Person, 200).at("/posts/{post}/bookmark"),
        row("DELETE /posts/{id}/bookmark", Person, 200)
            .at("/posts/{post}/bookmark")
            .after("PUT /posts/{post}/bookmark"),
        row("GET /bookmarks", Person, 200),
        row("GET /likes", Person, 200).at("/likes?post_id={post}"),
        row("GET /feed", Person, 200),
        row("GET /following", Person, 200).at("/following?user_id={dan}"),
        row("POST /subscribe/{user_id}", Person, 200).at("/subscribe/{dan}").after("DELETE /unsubscribe/{dan}"),
        row("DELETE /unsubscribe/{user_id}", Person, 200).at("/unsubscribe/{dan}").after("POST /subscribe/{dan}"),
        row("POST /users/{id}/mute", Person, 200).at("/users/{dan}/mute"),
        row("DELETE /users/{id}/mute", Person, 200).at("/users/{dan}/mute").after("POST /users/{dan}/mute"),
        row("GET /mutes", Person, 200),
        row("POST /users/{id}/block", Person, 200).at("/users/{dan}/block").after("DELETE /users/{dan}/block"),
        row("DELETE /users/{id}/block", Person, 200).at("/users/{dan}/block").after("POST /users/{dan}/block"),
        row("GET /blocks", Person, 200),
        row("GET /stream", Person, 200),
        row("GET /notifications", Person, 200),
        row("GET /notifications/unread_count", Person, 200),
        row("POST /notifications/read", Person, 200).json(r#"{"up_to":"2026-01-01T00:00:00.000000Z"}"#),
        row("GET /notifications/settings", Person, 200),
        row("PUT /notifications/settings", Person, 200).json(r#"{"muted":["like"]}"#),
        row("GET /recommendations", Person, 200),
        row("GET /recommendations/users", Person, 200),
        row("GET /recommendations/posts/{id}/explain", Person, 200).at("/recommendations/posts/{post}/explain"),
        row("GET /auth/mails/parked", AccountAdmin, 200),
        row("GET /auth/log", AccountAdmin, 200),
        row("GET /auth/applicants", AccountAdmin, 200),
        row("POST /auth/applicants/{id}/approve", AccountAdmin, 404).at("/auth/applicants/{dan}/approve"),
        row("POST /auth/applicants/{id}/refuse", AccountAdmin, 404).at("/auth/applicants/{dan}/refuse"),
        row("POST /auth/users/{id}/password-reset", AccountAdmin, 202).at("/auth/users/{dan}/password-reset"),
        row("POST /reports", Person, 201).json(r#"{"user_id":{dan},"reason":"spam"}"#),
        row("GET /admin/reports", Admin, 200),
        row("GET /admin/reports/{id}", Admin, 200).at("/admin/reports/1"),
        // Nothing was resolved yet.
        row("POST /admin/reports/{id}/reopen", Admin, 409).at("/admin/reports/1/reopen"),
        row("POST /admin/reports/reopen", Admin, 409).json(r#"{"cases":[{"id":1}]}"#),
        row("POST /admin/reports/{id}/resolve", Admin, 200)
            .at("/admin/reports/1/resolve")
            .json(r#"{"action":"dismiss"}"#)
            .after("POST /admin/reports/1/reopen"),
        row("POST /admin/reports/resolve", Admin, 200)
            .json(r#"{"cases":[{"id":1}],"action":"resolve"}"#)
            .after("POST /admin/reports/1/reopen"),
        row("GET /admin/users/{id}", Admin, 200).at("/admin/users/{dan}"),
        row("GET /admin/posts", Admin, 200),
        row("GET /admin/posts/{id}", Admin, 200).at("/admin/posts/{post}"),
        row("GET /admin/comments", Admin, 200),
        row("GET /admin/comments/{id}", Admin, 200).at("/admin/comments/{comment}"),
        row("GET /admin/audit", Admin, 200),
        row("GET /admin/stats", Admin, 200),
        row("GET /admin/users", Admin, 200),
        row("POST /admin/users/{id}/block", Admin, 200)
            .at("/admin/users/{dan}/block")
            .after("POST /admin/users/{dan}/unblock"),
        row("POST /admin/users/{id}/unblock", Admin, 200)
            .at("/admin/users/{dan}/unblock")
            .after("POST /admin/users/{dan}/block"),
        row("DELETE /admin/comments/{id}", Admin, 200)
            .at("/admin/comments/{comment}")
            .after("POST /admin/comments/{comment}/restore"),
        row("POST /admin/comments/{id}/restore", Admin, 200)
            .at("/admin/comments/{comment}/restore")
            .after("DELETE /admin/comments/{comment}"),
        row("DELETE /admin/posts/{id}", Admin, 200).at("/admin/posts/{post}").after("POST /admin/posts/{post}/restore"),
        row("POST /admin/posts/{id}/restore", Admin, 200)
            .at("/admin/posts/{post}/restore")
            .after("DELETE /admin/posts/{post}"),
    ]
};

impl Row {
    /// Returns the path of the request: the row's own, or the operation's template with an unknown token.
    pub(crate) fn path(&self) -> String {
        match self.path {
            "" => self.operation.split(' ').nth(1).unwrap().replace("{token}", UNKNOWN),
            path => path.to_owned(),
        }
    }
}
