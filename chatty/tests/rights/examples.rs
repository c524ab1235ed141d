//! The examples of the API's description: each body is sent, as somebody who may send it, and must fit.

use reqwest::{RequestBuilder, multipart};
use serde_json::Value;

use super::table::{Caller, Rule, TABLE};
use super::world::World;

/// The codes of problems that say that a request is not written as the description says.
const MISFITS: [&str; 5] = ["bad_json", "bad_multipart", "bad_query", "invalid_fields", "unsupported_media_type"];
/// The errors of OAuth that say so.
const OAUTH_MISFITS: [&str; 2] = ["invalid_request", "unsupported_grant_type"];

/// The examples that are not sent: no client exists that they could name, or a file belongs to them.
const NOT_SENT: [&str; 3] = ["POST /auth/authorize", "POST /media", "PUT /users/{id}/avatar"];

#[tokio::test]
async fn every_example_of_a_body_fits() {
    let description: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut world = World::start(data.path()).await;
    let mut sent = 0;
    for row in &TABLE {
        let (method, template) = row.operation.split_once(' ').unwrap();
        let operation = &description["paths"][template][method.to_lowercase()];
        let contents = operation["requestBody"]["content"].as_object();
        for (media_type, content) in contents.into_iter().flatten() {
            let what = format!("the example of {} as {media_type}", row.operation);
            if NOT_SENT.contains(&row.operation) {
                continue;
            }
            let example = &content["example"];
            assert!(example.is_object(), "{what} is missing");
            let token = match row.rule {
                Rule::Open => String::new(),
                Rule::Person | Rule::Account => world.somebody_new().await,
                Rule::Owner(_) | Rule::AccountOwner(_) => world.token(Caller::Owner),
                Rule::Admin | Rule::AccountAdmin => world.token(Caller::Admin),
            };
            let answer = world.send_body(row, &token, |request| with_body(request, media_type, example)).await;
            let status = answer.status();
            let text = answer.text().await.unwrap();
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            let is_misfit = MISFITS.iter().any(|code| body["code"] == *code)
                || OAUTH_MISFITS.iter().any(|error| body["error"] == *error);
            assert!(!is_misfit && !matches!(status.as_u16(), 415 | 422 | 500..), "{what}: {status} {text}");
            sent += 1;
        }
    }
    assert!(sent > 30, "{sent}");
}

fn with_body(request: RequestBuilder, media_type: &str, example: &Value) -> RequestBuilder {
    let fields = || {
        let fields = example.as_object().unwrap().iter();
        fields.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    };
    match media_type {
        "application/json" => request.json(example),
        "application/x-www-form-urlencoded" => request.form(&fields().collect::<Vec<_>>()),
        "multipart/form-data" => {
            request.multipart(fields().fold(multipart::Form::new(), |form, (name, value)| form.text(name, value)))
        }
        other => panic!("nothing here can write {other}"),
    }
}
