//! Bad input: each kind gets its problem, never a 500.

use serde_json::Value;

use crate::spawn_with_people;

#[tokio::test]
async fn nonsense_is_refused_on_every_route() {
    let app = spawn_with_people().await;
    for id in ["0", "-1", "9007199254740992", "9223372036854775808", "99999999999999999999999"] {
        app.post(&format!("/subscribe/{id}"), Value::Null)
            .as_user(1, "ann")
            .send()
            .await
            .is_problem(404, "User not found");
        app.delete(&format!("/unsubscribe/{id}"))
            .as_user(1, "ann")
            .send()
            .await
            .is_problem(404, "Subscription not found");
        app.get(&format!("/users/{id}/followers")).send().await.is_problem(404, "User not found");
        app.get(&format!("/users/{id}/following")).send().await.is_problem(404, "User not found");
    }
    for id in ["x", "1.5", "%00"] {
        app.post(&format!("/subscribe/{id}"), Value::Null).as_user(1, "ann").send().await.is_problem(400, "");
        app.delete(&format!("/unsubscribe/{id}")).as_user(1, "ann").send().await.is_problem(400, "");
        app.get(&format!("/users/{id}/followers")).send().await.is_problem(400, "");
    }
    for path in ["/feed?limit=x", "/feed?cursor=x", "/following", "/following?user_id=x", "/following?user_id=1;2"] {
        app.get(path).as_user(1, "ann").send().await.is_problem(400, "");
    }
    for path in ["/feed?limit=0", "/feed?limit=101", "/feed?limit=-5", "/following?user_id=", "/following?user_id=,"] {
        app.get(path).as_user(1, "ann").send().await.is_problem(422, "");
    }
    let without = [
        app.post("/subscribe/2", Value::Null),
        app.delete("/unsubscribe/2"),
        app.get("/feed"),
        app.get("/following?user_id=1"),
    ];
    for call in without {
        call.send().await.is_problem(401, "An access token is required");
    }
    app.finish().await;
}
