//! The rights of strangers: the operations that need no token, and the parameters that may be missing.

use crate::people::spawn;

#[tokio::test]
async fn what_is_described_as_optional_may_be_missing_and_nothing_else() {
    let app = spawn().await;
    app.check_optional(&["GET /auth/authorize", "GET /users"]).await;
    app.finish().await;
}

#[tokio::test]
async fn strangers_can_call_the_public_operations_only() {
    let app = spawn().await;
    app.check_rights(&[
        "POST /auth/register",
        "GET /auth/verify/{token}",
        "POST /auth/verify/{token}",
        "POST /auth/verify/{token}/reject",
        "POST /auth/verify/resend",
        "POST /auth/login",
        "POST /auth/login/second-factor",
        "POST /auth/token",
        "POST /auth/revoke",
        "GET /auth/authorize",
        "POST /auth/authorize",
        "POST /auth/refresh",
        "POST /auth/logout",
        "POST /auth/password/forgot",
        "POST /auth/password/reset",
        "GET /auth/password/reset/{token}",
        "POST /auth/password/reset/{token}",
        "GET /auth/erasures/{token}",
        "GET /auth/email/confirm/{token}",
        "POST /auth/email/confirm/{token}",
        "GET /auth/email/undo/{token}",
        "POST /auth/email/undo/{token}",
        "GET /users",
        "GET /users/{id}",
        "GET /.well-known/jwks.json",
        "GET /.well-known/oauth-authorization-server",
    ])
    .await;
    app.finish().await;
}
