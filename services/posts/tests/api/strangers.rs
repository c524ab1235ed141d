//! Bytes of strangers in every place where this service parses some: pictures, forms, cursors, tokens, conditions and
//! ranges. Whatever they are, the answer is a success or a refusal, and never a failure of the service.

use serde_json::json;
use testkit::bytes::Bytes;

use crate::pictures::{form, png};
use crate::{post_of_ann, spawn};

#[tokio::test]
async fn pictures_and_forms_of_any_bytes_fail_nothing() {
    let (app, mut bytes) = (spawn().await, Bytes::default());
    let good = png(3, 2);
    let mut stored = 0;
    for round in 0..60 {
        let picture = if round % 3 == 0 { bytes.arbitrary(400) } else { bytes.damaged(&good) };
        let (kind, body) = form(&[("title", None, b"x"), ("content", None, b"x"), ("image", Some("x"), &picture)]);
        let body = if round % 2 == 0 { body } else { bytes.damaged(&body) };
        // Each picture has an author of its own, so that no quota refuses it.
        let answer = app.post("/posts", json!(null)).as_user(100 + round, "x").body(&kind, body).send().await;
        assert!([201, 400, 413, 415, 422].contains(&answer.status), "{} {}", answer.status, answer.text);
        stored += usize::from(answer.status == 201);
    }
    assert!((1..60).contains(&stored), "the damage is too small or too large: {stored} of 60");
    app.finish().await;
}

#[tokio::test]
async fn cursors_conditions_and_ranges_of_any_text_fail_nothing() {
    let (app, mut bytes) = (spawn().await, Bytes::default());
    post_of_ann(&app).await;
    let encoded = |text: &[u8]| text.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for round in 0..200 {
        let text = if round % 2 == 0 { bytes.arbitrary(12) } else { bytes.damaged(b"AAAAAAAAAAE") };
        let listed = app.get(&format!("/posts?cursor={}", encoded(&text))).send().await;
        assert!([200, 400].contains(&listed.status), "{} {}", listed.status, listed.text);
        let header: String = bytes
            .damaged(b"\"1\", W/\"2\", bytes=0-9,*")
            .iter()
            .filter(|b| b.is_ascii_graphic())
            .map(|b| char::from(*b))
            .collect();
        for name in ["if-none-match", "if-match", "range", "if-range", "x-forwarded-for", "idempotency-key"] {
            let shown = app.get("/posts/1").header(name, &header).send().await;
            assert!([200, 304, 400, 412].contains(&shown.status), "{name}: {} {}", shown.status, shown.text);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_token_with_any_changed_character_is_refused() {
    let app = spawn().await;
    let token = app.token(1, "ann", shared::auth::Role::User);
    assert_eq!(app.get("/likes?post_id=1").bearer(&token).send().await.status, 200);
    for (place, old) in token.bytes().enumerate() {
        for new in [b'A', b'.', b'-'].into_iter().filter(|new| *new != old) {
            let mut changed = token.clone().into_bytes();
            changed[place] = new;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(app.get("/likes?post_id=1").bearer(&changed).send().await.status, 401, "{place}: {changed}");
        }
    }
    let mut bytes = Bytes::default();
    for _ in 0..200 {
        let damaged: String =
            bytes.damaged(token.as_bytes()).iter().filter(|b| b.is_ascii_graphic()).map(|b| char::from(*b)).collect();
        let expected = if damaged == token { 200 } else { 401 };
        assert_eq!(app.get("/likes?post_id=1").bearer(&damaged).send().await.status, expected, "{damaged}");
    }
    app.finish().await;
}
