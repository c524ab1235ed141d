//! Similar people: their order, their pages, and blocks.

use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::world::{BOB, CLEO, empty, like, near, post, small, user};

async fn similar(app: &TestApp, query: &str) -> Answer {
    let answer = app.get(&format!("/recommendations/users{query}")).as_user(1, "ann").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

fn ids(answer: &Answer) -> Vec<i64> {
    let users = answer.json["users"].as_array().expect("users");
    users.iter().map(|similar| similar["user"]["id"].as_i64().expect("an id")).collect()
}

#[tokio::test]
async fn similar_people_come_most_similar_first() {
    let app = small().await;
    let answer = similar(&app, "").await;
    assert_eq!(ids(&answer), [2, 3]);
    assert_eq!(answer.json["next"], Value::Null);
    let bob = &answer.json["users"][0];
    assert_eq!(
        bob["user"],
        json!({
            "id": 2, "username": "bob", "first_name": "First", "last_name": null, "bio": "Line\nbreak", "avatar_url": "/users/2/avatar",
            "created_at": "2026-02-01T08:00:00.000001Z"
        })
    );
    near(&bob["similarity"], BOB);
    near(&answer.json["users"][1]["similarity"], CLEO);
    assert_eq!((&bob["shared_likes"], &answer.json["users"][1]["shared_likes"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn pages_hold_everybody_once() {
    let app = empty().await;
    app.deliver("post", &[post(1, 500, 1), post(2, 500, 1)]).await;
    // The people 1 to 60 like post 1, and those among 2 to 60 whose id is a multiple of 3 like post 2 as well. The
    // states of people whose id is a multiple of 10 never arrive.
    let people: Vec<i64> = (2..=60).collect();
    let mut likes = vec![like(1, 1, 1, true)];
    for id in &people {
        likes.push(like(*id, 1, 1, true));
        if id % 3 == 0 {
            likes.push(like(*id, 2, 1, true));
        }
    }
    app.deliver("like", &likes).await;
    let known: Vec<i64> = people.into_iter().filter(|id| id % 10 != 0).collect();
    app.deliver("user", &known.iter().map(|id| user(*id, &format!("user{id}"), 1, false)).collect::<Vec<_>>()).await;
    let (two, one): (Vec<i64>, Vec<i64>) = known.into_iter().partition(|id| id % 3 == 0);
    let expected = [one, two].concat();
    let (mut seen, mut query) = (Vec::new(), "?limit=7".to_owned());
    loop {
        let answer = similar(&app, &query).await;
        seen.extend(ids(&answer));
        let Some(next) = answer.json["next"].as_str() else {
            assert!(!answer.headers.contains_key("link"));
            break;
        };
        query = format!("?limit=7&cursor={next}");
        let link = format!("</recommendations/users{query}>; rel=\"next\"");
        assert_eq!(answer.headers["link"], link.as_str());
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn blocked_people_are_not_shown() {
    let app = small().await;
    app.deliver("user", &[user(2, "bob", 2, true)]).await;
    assert_eq!(ids(&similar(&app, "").await), [3]);
    app.deliver("user", &[user(2, "bob", 3, false)]).await;
    assert_eq!(ids(&similar(&app, "").await), [2, 3]);
}
