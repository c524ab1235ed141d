//! Bytes of strangers in every place where this service parses some: OAuth requests, links, addresses, masks, codes and
//! passkeys. Whatever they are, the answer is a success or a refusal, and never a failure of the service.

use serde_json::{Value, json};
use testkit::app::Answer;
use testkit::bytes::Bytes;

use crate::people::{member, spawn};

fn encoded(text: &[u8]) -> String {
    text.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn must_not_fail(answer: &Answer) {
    assert!((200..500).contains(&answer.status), "{} {}", answer.status, answer.text);
}

#[tokio::test]
async fn oauth_requests_of_any_bytes_fail_nothing() {
    let (app, mut bytes) = (spawn().await, Bytes::default());
    let (_, token, _) = member(&app, "ann").await;
    let client = json!({ "name": "x", "redirect_uris": ["https://app.example/callback"] });
    let client = app.post("/auth/clients", client).bearer(&token).send().await.json;
    let id = client["client_id"].as_str().unwrap();
    let query = format!(
        "response_type=code&client_id={id}&code_challenge_method=S256&scope=read&state=x\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
    let grant = format!("grant_type=authorization_code&client_id={id}&code=x&code_verifier=x&redirect_uri=x");
    let form = "application/x-www-form-urlencoded";
    for round in 0..120 {
        let damaged = bytes.damaged(query.as_bytes());
        // Bytes that cannot stand in a path at all are refused before this service sees them.
        let can_stand = |b: &&u8| b.is_ascii_alphanumeric() || b"%=&+._~-".contains(*b);
        let in_path: String = damaged.iter().filter(can_stand).map(|b| char::from(*b)).collect();
        must_not_fail(&app.get(&format!("/auth/authorize?{in_path}")).send().await);
        must_not_fail(
            &app.post("/auth/authorize", Value::Null)
                .body(form, [b"decision=deny&", damaged.as_slice()].concat())
                .send()
                .await,
        );
        let body = if round % 3 == 0 { bytes.arbitrary(200) } else { bytes.damaged(grant.as_bytes()) };
        for path in ["/auth/token", "/auth/revoke"] {
            must_not_fail(&app.post(path, Value::Null).body(form, body.clone()).send().await);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn links_addresses_masks_codes_and_passkeys_of_any_text_fail_nothing() {
    let (app, mut bytes) = (spawn().await, Bytes::default());
    for _ in 0..100 {
        let text = bytes.text(20);
        let in_path = encoded(text.as_bytes());
        for path in ["/auth/verify/", "/auth/erasures/", "/auth/email/confirm/", "/auth/password/reset/"] {
            must_not_fail(&app.get(&format!("{path}x{in_path}")).header("accept", "application/json").send().await);
        }
        let raw = encoded(&bytes.arbitrary(12));
        for query in ["name=", "username=", "name=a&cursor="] {
            must_not_fail(&app.get(&format!("/users?{query}{raw}")).send().await);
        }
        let address = format!("{text}@{}", bytes.text(10));
        must_not_fail(&app.post("/auth/verify/resend", json!({ "email": address })).send().await);
        must_not_fail(&app.post("/auth/password/forgot", json!({ "email": address })).send().await);
        must_not_fail(&app.post("/auth/refresh", json!({ "refresh_token": text })).send().await);
        let (id, answer) = (bytes.text(8), bytes.text(8));
        let credential = json!({
            "id": id, "rawId": "AA", "type": "public-key",
            "response": { "authenticatorData": answer, "clientDataJSON": "AA", "signature": "AA" }
        });
        let shown = json!({ "challenge": "x", "credential": credential });
        must_not_fail(&app.post("/auth/passkeys/login/confirm", shown).send().await);
    }
    app.finish().await;
}
