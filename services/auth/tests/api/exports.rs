//! The archive of a person's data: asked for, made from the parts of all services, told, and deleted.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use shared::config::Env;
use testkit::app::{Answer, TestApp};
use testkit::others::app_of;

use crate::people::{PASSWORD, mails, member, text};

/// The other services: two kinds of rows in two pages, and a picture. They answer 503 while `away` is true, and count
/// their requests.
fn others(away: Arc<AtomicBool>, requests: Arc<AtomicU32>) -> Router {
    let mut all = Router::new();
    for service in ["posts", "subscriptions", "admin", "recommendations"] {
        let (away, requests) = (away.clone(), requests.clone());
        let answer = move |headers: &HeaderMap| {
            requests.fetch_add(1, Ordering::Relaxed);
            let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
            let claims: Value = jsonwebtoken::dangerous::insecure_decode(&token).unwrap().claims;
            assert_eq!(claims["aud"], "chatty-export");
            if away.load(Ordering::Relaxed) { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(claims["sub"].clone()) }
        };
        let (kinds, pages, files) = (answer.clone(), answer.clone(), answer);
        let base = shared::export::path(service);
        all = all
            .route(&base, get(async move |headers: HeaderMap| kinds(&headers).map(|_| Json(json!(["things"])))))
            .route(
                &format!("{base}/things"),
                get(async move |headers: HeaderMap, uri: axum::http::Uri| {
                    let sub = pages(&headers)?;
                    let (rows, files, next) = match uri.query().unwrap() {
                        "after=0" => (json!([{ "of": sub, "n": 1 }]), json!(["a.png"]), json!(1)),
                        _ => (json!([{ "of": sub, "n": 2 }]), json!(["gone.png"]), Value::Null),
                    };
                    Ok::<_, StatusCode>(Json(json!({ "rows": rows, "files": files, "next": next })))
                }),
            )
            .route(
                &format!("{}/{{name}}", shared::export::files_path(service)),
                get(async move |headers: HeaderMap, Path(name): Path<String>| {
                    files(&headers)?;
                    if name == "a.png" { Ok("a picture") } else { Err(StatusCode::NOT_FOUND) }
                }),
            );
    }
    all
}

async fn spawn(away: bool) -> (TestApp, Arc<AtomicBool>, Arc<AtomicU32>) {
    let (away, requests) = (Arc::new(AtomicBool::new(away)), Arc::new(AtomicU32::new(0)));
    let routes = others(away.clone(), requests.clone());
    let app = TestApp::spawn(auth::NAME, async |deps| {
        deps.peers.set_app(app_of(routes));
        let config = auth::Config::from_env(&Env::default(), &deps.settings).unwrap();
        auth::build(config, deps).unwrap().0
    })
    .await;
    (app, away, requests)
}

async fn ask(app: &TestApp, token: &str) -> Answer {
    app.get("/auth/me/export").bearer(token).send().await
}

/// Asks until the archive is there, and returns its files.
async fn archive(app: &TestApp, token: &str) -> (Answer, BTreeMap<String, String>) {
    let mut answer = ask(app, token).await;
    app.eventually(
        async || {
            answer = ask(app, token).await;
            answer.status == 200
        },
        "the archive",
    )
    .await;
    let mut zip = zip::ZipArchive::new(Cursor::new(answer.bytes.clone())).unwrap();
    let mut files = BTreeMap::new();
    for place in 0..zip.len() {
        let mut file = zip.by_index(place).unwrap();
        let (name, mut content) = (file.name().unwrap().into_owned(), String::new());
        file.read_to_string(&mut content).unwrap();
        files.insert(name, content);
    }
    (answer, files)
}

#[tokio::test]
async fn the_archive_has_the_parts_of_all_services_and_no_secret() {
    let (app, _, _) = spawn(false).await;
    let (id, token, refresh) = member(&app, "ann").await;
    let first = ask(&app, &token).await;
    assert_eq!((first.status, &first.json["of"]), (202, &json!(5)), "{}", first.text);
    assert_eq!(
        (first.headers["location"].to_str().unwrap(), &first.headers["retry-after"]),
        ("/auth/me/export", &"2".parse().unwrap())
    );
    let (answer, files) = archive(&app, &token).await;
    let named = answer.headers["content-disposition"].to_str().unwrap();
    assert_eq!(named, "attachment; filename=\"chatty-ann-2026-03-01.zip\"");
    assert_eq!(answer.headers["cache-control"], "no-store");
    for service in ["posts", "subscriptions", "admin", "recommendations"] {
        let things: Value = serde_json::from_str(&files[&format!("{service}/things.json")]).unwrap();
        let sub = id.to_string();
        assert_eq!(things, json!([{ "of": sub, "n": 1 }, { "of": sub, "n": 2 }]));
        assert_eq!(files[&format!("{service}/files/a.png")], "a picture");
        assert!(!files.contains_key(&format!("{service}/files/gone.png")), "it was deleted meanwhile");
    }
    let account: Value = serde_json::from_str(&files["auth/account.json"]).unwrap();
    assert_eq!((&account[0]["username"], &account[0]["email"]), (&json!("ann"), &json!("ann@example.org")));
    for kind in ["sessions", "factors", "mails", "clients", "invitations", "log"] {
        let rows: Value = serde_json::from_str(&files[&format!("auth/{kind}.json")]).unwrap();
        assert!(rows.is_array(), "{kind}");
    }
    let all = files.values().cloned().collect::<String>();
    for secret in [PASSWORD, "argon2", token.as_str(), refresh.as_str()] {
        assert!(!all.contains(secret), "{secret}");
    }
    let told = mails(&app, "ann@example.org", 2).await;
    assert_eq!(told[0]["subject"], "An archive of your data");
    let log = app.get("/auth/me/log").bearer(&token).send().await.json;
    assert_eq!(
        (&log["entries"][0]["kind"], &log["entries"][1]["kind"]),
        (&json!("export_read"), &json!("export_requested"))
    );
    app.finish().await;
}

#[tokio::test]
async fn a_service_that_is_away_delays_the_archive() {
    let (app, away, requests) = spawn(true).await;
    let (_, token, _) = member(&app, "ann").await;
    assert_eq!(ask(&app, &token).await.status, 202);
    app.eventually(async || requests.load(Ordering::Relaxed) > 0, "a try").await;
    assert_eq!(ask(&app, &token).await.json["done"], 1);
    away.store(false, Ordering::Relaxed);
    app.clock.advance(std::time::Duration::from_secs(61));
    archive(&app, &token).await;
    assert_eq!(mails(&app, "ann@example.org", 2).await.len(), 2, "one archive, one mail");
    app.finish().await;
}

#[tokio::test]
async fn an_archive_ends_after_a_day_by_its_owner_and_with_its_owner() {
    let (app, _, _) = spawn(false).await;
    let folder = app.data_folder().join("exports");
    let stored = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    let (_, token, _) = member(&app, "ann").await;
    archive(&app, &token).await;
    assert_eq!(stored(), 1);
    // A restored database may name a file that is not there.
    for file in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    assert_eq!(ask(&app, &token).await.status, 202);
    archive(&app, &token).await;
    let delete = async |token: &str| app.delete("/auth/me/export").bearer(token).send().await;
    assert_eq!(delete(&token).await.status, 204);
    app.eventually(async || stored() == 0, "the file to go").await;
    delete(&token).await.is_problem(404, "There is no archive");

    archive(&app, &token).await;
    app.clock.advance(std::time::Duration::from_secs(24 * 3_600));
    app.eventually(async || stored() == 0, "the file to go after a day").await;

    let login = app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD })).send().await;
    let token = text(&login.json, "token");
    archive(&app, &token).await;
    let leave = app.call(Method::DELETE, "/auth/me", Some(json!({ "password": PASSWORD })));
    assert_eq!(leave.bearer(&token).send().await.status, 202);
    app.eventually(async || stored() == 0, "the file to go with its owner").await;
    app.finish().await;
}
