//! Limits on the rate of writes by account.

use serde_json::json;

use crate::{post_of_ann, spawn};

#[tokio::test]
async fn writes_of_one_account_are_limited_wherever_they_come_from() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let app = app.limit_requests();
    let like = async |user: i64, address: String| {
        let call = app.post(&format!("/posts/{post}/likes"), json!(null)).header("x-forwarded-for", &address);
        call.as_user(user, &format!("user{user}")).send().await
    };
    let first = like(2, "192.0.2.1".to_owned()).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.headers["ratelimit-policy"], "\"requests\";q=301;w=4, \"writes\";q=41;w=5");
    assert_eq!(first.headers["ratelimit"], "\"requests\";r=300;t=1, \"writes\";r=40;t=1");
    // One write comes back every tenth of a second, so a slow machine lets some more of them through.
    let mut refused = None;
    for n in 0..400 {
        let answer = like(2, format!("198.51.100.{}", n % 250)).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    refused.is_problem(429, "Too many requests, try again later");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(like(3, "198.51.100.1".to_owned()).await.status, 200, "another account");
    let read = app.get(&format!("/posts/{post}")).header("x-forwarded-for", "198.51.100.1").send().await;
    assert_eq!(read.status, 200);
    assert!(!read.headers["ratelimit-policy"].to_str().unwrap().contains("writes"));
    app.finish().await;
}
