//! Texts: line ends, invisible characters, and characters that change the direction of reading.

use serde_json::{Value, json};
use testkit::app::Call;

use crate::pictures::form;
use crate::{post_of_ann, spawn};

/// A text with every kind of line end, as browsers and other clients send it, and the same text as it is stored.
const SENT: &str = "\r\none\r\n\r\ntwo\rthree\n\rfour\r\r\n";
const STORED: &str = "\none\n\ntwo\nthree\n\nfour\n\n";

fn as_ann(call: Call<'_>) -> Call<'_> {
    call.as_user(1, "ann")
}

#[tokio::test]
async fn line_ends_become_lf_in_every_field_of_several_lines() {
    let app = spawn().await;
    let post = as_ann(app.post("/posts", json!({ "title": "t", "content": SENT }))).send().await;
    assert_eq!((post.status, &post.json["post"]["content"]), (201, &json!(STORED)), "{}", post.text);
    assert_eq!(app.get("/posts/1").send().await.json["content"], STORED);

    let (kind, body) = form(&[("title", None, b"t"), ("content", None, SENT.as_bytes())]);
    let post = as_ann(app.post("/posts", Value::Null)).body(&kind, body).send().await;
    assert_eq!((post.status, &post.json["post"]["content"]), (201, &json!(STORED)), "{}", post.text);

    let comment = as_ann(app.post("/posts/1/comments", json!({ "content": SENT }))).send().await;
    assert_eq!((comment.status, &comment.json["comment"]["content"]), (201, &json!(STORED)), "{}", comment.text);
    let comment = as_ann(app.patch("/posts/1/comments/1", json!({ "content": "a\r\nb\rc" }))).send().await;
    assert_eq!((comment.status, &comment.json["comment"]["content"]), (200, &json!("a\nb\nc")), "{}", comment.text);

    // A text that is stored as the same text is no change, and with an idempotency key no other request.
    app.events().await;
    let again = as_ann(app.patch("/posts/1", json!({ "content": SENT }))).header("if-match", "\"1.2\"").send().await;
    assert_eq!((again.status, &again.json["post"]["content"]), (200, &json!(STORED)), "{}", again.text);
    assert_eq!(app.events().await, [], "the text is the same");
    for (content, replayed) in [("a\r\nb", None), ("a\nb", Some("true")), ("a\rb", Some("true"))] {
        for (path, body) in [
            ("/posts", json!({ "title": "t", "content": content })),
            ("/posts/1/comments", json!({ "content": content })),
        ] {
            let answer = as_ann(app.post(path, body)).header("idempotency-key", "k").send().await;
            let given = answer.headers.get("idempotency-replayed").map(|value| value.to_str().unwrap());
            assert_eq!((answer.status, given), (201, replayed), "{path} {content:?}: {}", answer.text);
        }
    }

    // A title has one line. Lengths are those of the stored text.
    for title in ["a\r\nb", "a\rb", "a\n"] {
        let answer = as_ann(app.post("/posts", json!({ "title": title, "content": "x" }))).send().await;
        answer.is_problem(422, "");
    }
    let lines = |count: usize| json!({ "content": format!("{}x", "\r\n".repeat(count)) });
    assert_eq!(as_ann(app.post("/posts/1/comments", lines(1_999))).send().await.status, 201);
    as_ann(app.post("/posts/1/comments", lines(2_000))).send().await.is_problem(422, "");
    app.finish().await;
}

#[tokio::test]
async fn a_text_that_nobody_can_see_is_blank() {
    let app = spawn().await;
    post_of_ann(&app).await;
    for text in [
        "",
        " \u{a0}\u{2003}\u{3000}",
        "\u{3164}",
        "\u{115f}\u{1160}\u{ffa0}",
        "\u{200b}",
        "\u{200c}\u{200d}\u{2060}\u{feff}",
        "\u{ad}\u{34f}\u{61c}\u{180e}",
        "\u{e0020}\u{e007f}",
        "\u{fe0f}",
        "\u{e0100}",
        "\u{301}\u{20dd}",
        "\u{2800}\u{2800}",
        "\u{2028}\u{2029}",
        "\u{2061}\u{206a}",
        "\u{200e}\u{200f}",
        "\u{2066}\u{2069}",
        "\u{fff9}\u{fffb}",
        "\u{1d173}",
    ] {
        for body in [json!({ "title": text, "content": "x" }), json!({ "title": "x", "content": text })] {
            app.post("/posts", body.clone())
                .as_user(1, "ann")
                .send()
                .await
                .is_problem(422, "The request breaks a rule");
            let (title, content) = (body["title"].as_str().unwrap(), body["content"].as_str().unwrap());
            let (kind, body) = form(&[("title", None, title.as_bytes()), ("content", None, content.as_bytes())]);
            let answer = app.post("/posts", Value::Null).as_user(1, "ann").body(&kind, body).send().await;
            answer.is_problem(422, "The request breaks a rule");
        }
        app.patch("/posts/1", json!({ "title": text })).as_user(1, "ann").send().await.is_problem(422, "");
        let comment = app.post("/posts/1/comments", json!({ "content": text })).as_user(1, "ann").send().await;
        comment.is_problem(422, "The request breaks a rule");
    }
    for text in [
        "👩‍👩‍👧",
        "🇩🇪",
        "1\u{fe0f}\u{20e3}",
        "❤\u{fe0f}",
        "e\u{301}",
        "\u{2801}",
        "한",
        "\u{600}",
        "\u{f8ff}",
        "क\u{200d}ष",
        "🏴\u{e0067}\u{e0062}\u{e007f}",
    ] {
        let sent = json!({ "title": text, "content": text });
        let answer = app.post("/posts", sent).as_user(1, "ann").send().await;
        assert_eq!(answer.status, 201, "{text:?}: {}", answer.text);
        let post = &answer.json["post"];
        assert_eq!((&post["title"], &post["content"]), (&json!(text), &json!(text)), "stored as sent");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_title_does_not_turn_the_direction_of_what_stands_beside_it() {
    let app = spawn().await;
    let post = async |title: &str| {
        let answer = app.post("/posts", json!({ "title": title, "content": "\u{202e}x" })).as_user(1, "ann").send();
        answer.await.status
    };
    for title in [
        "a\u{202a}b",
        "a\u{202b}b",
        "a\u{202c}b",
        "a\u{202d}b",
        "a\u{202e}b",
        "a\u{202e}b\u{202c}",
        "a\u{2066}b",
        "a\u{2067}b",
        "a\u{2068}b",
        "a\u{2069}b",
        "\u{2069}a\u{2066}",
        "\u{2067}\u{2066}a\u{2069}",
        "a\u{2028}b",
        "a\u{2029}b",
    ] {
        assert_eq!(post(title).await, 422, "{title:?}");
    }
    for title in
        ["\u{2067}\u{5d0}\u{2069} a", "\u{2068}\u{2066}a\u{2069}\u{2069}", "\u{5d0}\u{200f}!", "\u{5d0}\u{5d1}"]
    {
        assert_eq!(post(title).await, 201, "{title:?}");
    }
    app.finish().await;
}
