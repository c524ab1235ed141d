//! Blocks between people: neither finds the other's profile, whatever the order of the events.

use serde_json::{Value, json};

use crate::people::{member, spawn};

#[tokio::test]
async fn neither_finds_the_other() {
    let app = spawn().await;
    let (ann, of_ann, _) = member(&app, "ann").await;
    let (bob, of_bob, _) = member(&app, "bob").await;
    let (_, of_cid, _) = member(&app, "cid").await;
    let block = |version: i64, deleted: bool| json!({ "user_id": ann, "blocked_id": bob, "version": version, "deleted": deleted });
    // The end of the block comes before it, and each twice.
    for state in [block(3, false), block(2, true)] {
        app.deliver("personal_block", std::slice::from_ref(&state)).await;
        app.deliver("personal_block", &[state]).await;
    }
    for (other, name, token) in [(bob, "bob", &of_ann), (ann, "ann", &of_bob)] {
        let path = format!("/users/{other}");
        app.get(&path).bearer(token).send().await.is_problem(404, "User not found");
        for list in [format!("/users?username={name}"), format!("/users?search={name}")] {
            let shown = async |token: Option<&String>| {
                let call = app.get(&list);
                let call = if let Some(token) = token { call.bearer(token) } else { call };
                call.send().await.json["users"].as_array().unwrap().len()
            };
            assert_eq!((shown(Some(token)).await, shown(Some(&of_cid)).await, shown(None).await), (0, 1, 1), "{list}");
        }
        // Public is public, also with a token that is none.
        for call in [app.get(&path), app.get(&path).bearer("x"), app.get(&path).bearer(&of_cid)] {
            assert_eq!(call.send().await.status, 200);
        }
        let own = app.get(&format!("/users/{}", if other == ann { bob } else { ann })).bearer(token).send().await;
        assert_eq!((own.status, &own.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    }
    app.deliver("personal_block", &[block(4, true)]).await;
    let answer = app.get(&format!("/users/{bob}")).bearer(&of_ann).send().await;
    assert_eq!((answer.status, answer.headers.get("cache-control")), (200, None));
    assert_ne!(answer.json, Value::Null);
    app.finish().await;
}
