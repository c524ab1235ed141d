//! The problems that bad requests get, and the tokens that are refused.

use axum::http::Method;
use serde_json::json;
use shared::auth::Role;

use crate::world::{empty, small, user};

#[tokio::test]
async fn nonsense_in_the_query_is_refused_by_name() {
    let app = empty().await;
    for field in ["limit", "neighbours"] {
        for text in ["", "x", "1.5", "1e2", "%201", "-", "%00", "%F0%9F%90%8C"] {
            let answer = app.get(&format!("/recommendations?{field}={text}")).as_user(1, "ann").send().await;
            answer.is_problem(400, &format!("{field} must be an integer"));
        }
        for text in ["0", "-1", "1001", "9223372036854775808", "99999999999999999999999"] {
            let answer = app.get(&format!("/recommendations?{field}={text}")).as_user(1, "ann").send().await;
            answer.is_problem(422, "");
            assert_eq!(answer.json["errors"][0]["pointer"], format!("/{field}"), "{}", answer.text);
        }
    }
    let answer = app.get("/recommendations?limit=101").as_user(1, "ann").send().await;
    assert_eq!(answer.json["errors"], json!([{"pointer": "/limit", "detail": "must be between 1 and 100"}]));
    for text in ["", "IDF", "bm25"] {
        let answer = app.get(&format!("/recommendations?weighting={text}")).as_user(1, "ann").send().await;
        answer.is_problem(422, "");
        assert_eq!(answer.json["errors"], json!([{"pointer": "/weighting", "detail": "must be none or idf"}]));
    }
    for text in ["", "Popular", "newest"] {
        let answer = app.get(&format!("/recommendations?fallback={text}")).as_user(1, "ann").send().await;
        answer.is_problem(422, "");
        assert_eq!(answer.json["errors"], json!([{"pointer": "/fallback", "detail": "must be none or popular"}]));
    }
    for (query, status) in
        [("neighbours=0", 422), ("neighbours=1000000000", 422), ("neighbours=x", 400), ("weighting=x", 422)]
    {
        let explain = app.get(&format!("/recommendations/posts/13/explain?{query}")).as_user(1, "ann").send().await;
        explain.is_problem(status, "");
    }
    app.get("/recommendations/posts/x/explain").as_user(1, "ann").send().await.is_problem(400, "");
    app.get("/recommendations?limit=1&limit=2").as_user(1, "ann").send().await.is_problem(400, "");
    assert_eq!(app.get("/recommendations?limit=100&neighbours=1000&x=1").as_user(1, "ann").send().await.status, 200);
}

#[tokio::test]
async fn nonsense_in_a_page_is_refused() {
    let app = empty().await;
    let cases = [("limit=x", 400), ("limit=0", 422), ("limit=101", 422), ("cursor=", 400), ("cursor=!!", 400)];
    for (query, status) in cases {
        let answer = app.get(&format!("/recommendations/users?{query}")).as_user(1, "ann").send().await;
        answer.is_problem(status, "");
    }
}

#[tokio::test]
async fn only_people_with_a_valid_token_may_ask() {
    let app = small().await;
    for path in ["/recommendations", "/recommendations/users"] {
        app.get(path).send().await.is_problem(401, "An access token is required");
        app.get(path).bearer("nonsense").send().await.is_problem(401, "The access token is not valid");
        let tampered = app.token(1, "ann", Role::User).replace('.', ".e");
        app.get(path).bearer(&tampered).send().await.is_problem(401, "The access token is not valid");
        assert_eq!(app.get(path).as_admin().send().await.status, 200);
        app.call(Method::POST, path, None).as_user(1, "ann").send().await.is_problem(405, "");
    }
    app.get("/recommendations/7").as_user(1, "ann").send().await.is_problem(404, "");
}

#[tokio::test]
async fn a_blocked_person_may_not_ask_and_an_ended_session_neither() {
    let app = small().await;
    app.deliver("user", &[user(1, "ann", 2, true)]).await;
    app.get("/recommendations").as_user(1, "ann").send().await.is_problem(403, "Account blocked");
    app.deliver("user", &[user(1, "ann", 3, false)]).await;
    let answer = app.get("/recommendations").as_user(1, "ann").send().await;
    answer.is_problem(401, "The session has ended, log in again");
}
