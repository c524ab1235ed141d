//! Text that people write about themselves: line ends, invisible characters, and characters that change the direction
//! of writing.

use serde_json::{Value, json};

use crate::people::{PASSWORD, events, member, pointers, spawn};

#[tokio::test]
async fn the_line_ends_of_a_bio_become_lf() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "ann").await;
    events(&app).await;
    for sent in ["one\r\ntwo\rthree\n\r\n", "one\ntwo\nthree\n\n"] {
        let answer = app.patch("/auth/me", json!({ "bio": sent })).bearer(&access).send().await;
        assert_eq!((answer.status, &answer.json["bio"]), (200, &json!("one\ntwo\nthree\n\n")), "{}", answer.text);
    }
    assert_eq!(events(&app).await.len(), 1, "the second one is the same");
    let lines = |count: usize| json!({ "bio": format!("{}x", "\r\n".repeat(count)) });
    assert_eq!(app.patch("/auth/me", lines(499)).bearer(&access).send().await.status, 200);
    app.patch("/auth/me", lines(500)).bearer(&access).send().await.is_problem(422, "");
    events(&app).await;
}

#[tokio::test]
async fn a_name_that_nobody_can_see_or_that_turns_the_direction_is_refused() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "ann").await;
    events(&app).await;
    let register = |field: &str, text: &str| {
        let mut body = json!({ "username": "eve", "email": "eve@example.org", "password": PASSWORD });
        body[field] = json!(text);
        app.post("/auth/register", body)
    };
    for text in [
        " ",
        "\u{3164}",
        "\u{200b}",
        "\u{2800}",
        "\u{e0020}",
        "\u{fe0f}",
        "\u{301}",
        "\u{2067}\u{2069}",
        "a\u{202e}b",
        "a\u{202e}b\u{202c}",
        "a\u{2066}",
        "\u{2069}a\u{2066}",
    ] {
        for field in ["first_name", "last_name"] {
            for answer in [
                register(field, text).send().await,
                app.patch("/auth/me", json!({ field: text })).bearer(&access).send().await,
            ] {
                answer.is_problem(422, "");
                assert_eq!(pointers(&answer), [format!("/{field}")], "{text:?}");
            }
        }
    }
    for bio in ["\n \n", "\u{3164}\n\u{200b}"] {
        let answer = app.patch("/auth/me", json!({ "bio": bio })).bearer(&access).send().await;
        answer.is_problem(422, "");
        assert_eq!(pointers(&answer), ["/bio"]);
    }
    // An absent name and an empty one are both allowed, and visible text is stored as it was sent.
    for name in [json!(null), json!(""), json!(" \u{2067}\u{5d0}\u{5d1}\u{2069} 👩\u{200d}🚀")] {
        let answer = app.patch("/auth/me", json!({ "first_name": name, "bio": "" })).bearer(&access).send().await;
        assert_eq!((answer.status, &answer.json["first_name"], &answer.json["bio"]), (200, &name, &json!("")));
    }
    events(&app).await;
}

#[tokio::test]
async fn a_mask_that_nobody_can_see_is_no_mask() {
    let app = spawn().await;
    for mask in ["", "%20", "%E2%80%8B", "%E3%85%A4", "%E2%A0%80", "%EF%B8%8F"] {
        app.get(&format!("/users?name={mask}")).send().await.is_problem(400, "");
    }
    let login = json!({ "username": "\u{3164}", "password": PASSWORD });
    app.post("/auth/login", login).send().await.is_problem(422, "");
    let all: Value = app.get("/users?name=*").send().await.json;
    assert!(all["users"].is_array());
}
