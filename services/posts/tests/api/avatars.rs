//! Avatars: chosen, replaced, drawn, removed, and gone with their person.

use axum::http::Method;
use serde_json::json;
use testkit::app::{Answer, Call, TestApp};

use crate::erasure::gone;
use crate::pictures::{form, png};
use crate::{post_of_ann, spawn, user};

/// A request of ann that chooses this picture.
fn choose<'a>(app: &'a TestApp, picture: &[u8]) -> Call<'a> {
    let (kind, body) = form(&[("image", Some("x"), picture)]);
    app.call(Method::PUT, "/users/1/avatar", None).as_user(1, "ann").body(&kind, body)
}

async fn avatar(app: &TestApp, person: i64) -> Answer {
    app.get(&format!("/users/{person}/avatar")).send().await
}

/// The names of the files in the media folder.
fn files(app: &TestApp) -> Vec<String> {
    let files = std::fs::read_dir(app.data_folder().join("media")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn an_avatar_is_drawn_until_its_person_chooses_one() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false)]).await;
    let drawn = avatar(&app, 1).await;
    assert_eq!((drawn.status, &drawn.headers["content-type"]), (200, &"image/svg+xml".parse().unwrap()));
    assert_eq!(drawn.headers["cache-control"], "public, max-age=300");
    assert!(drawn.text.contains(">A</text>"), "{}", drawn.text);
    let tag = drawn.headers["etag"].to_str().unwrap();
    let again = app.get("/users/1/avatar").header("if-none-match", tag).send().await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.headers["cache-control"], "public, max-age=300");

    let chosen = choose(&app, &png(600, 300)).send().await;
    assert_eq!((chosen.status, &chosen.json), (200, &json!({ "message": "Avatar set" })), "{}", chosen.text);
    let shown = app.get("/users/1/avatar").header("if-none-match", tag).send().await;
    assert_eq!((shown.status, &shown.headers["content-type"]), (200, &"image/webp".parse().unwrap()));
    let picture = image::load_from_memory(&shown.bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (256, 256));
    assert_eq!(files(&app).len(), 1);
    let name = files(&app)[0].clone();
    app.get(&format!("/media/{name}")).send().await.is_problem(404, "Image not found");

    // Another one takes its place, and nothing of the former one is left.
    assert_eq!(choose(&app, &png(10, 20)).send().await.status, 200);
    assert_eq!(image::load_from_memory(&avatar(&app, 1).await.bytes).unwrap().width(), 10);
    assert_eq!(files(&app).len(), 1);
    // A file that is lost is no reason to show nothing.
    let lost = app.data_folder().join("media").join(&files(&app)[0]);
    std::fs::rename(&lost, lost.with_extension("lost")).unwrap();
    assert_eq!(avatar(&app, 1).await.text, drawn.text);
    std::fs::rename(lost.with_extension("lost"), &lost).unwrap();
    let removed = app.delete("/users/1/avatar").as_user(1, "ann").send().await;
    assert_eq!(removed.json, json!({ "message": "Avatar removed" }));
    assert_eq!((avatar(&app, 1).await.text, files(&app)), (drawn.text, vec![]));
    app.delete("/users/1/avatar").as_user(1, "ann").send().await.is_problem(404, "Avatar not found");
    assert_eq!(app.events().await, [], "no other service has to know");
    app.finish().await;
}

#[tokio::test]
async fn an_avatar_is_hidden_with_its_person_and_goes_with_them() {
    let app = spawn().await;
    avatar(&app, 1).await.is_problem(404, "User not found");
    assert_eq!(choose(&app, &png(3, 3)).send().await.status, 200, "before the copy knows her");
    for (version, blocked, status) in [(1, true, 404), (2, false, 200)] {
        app.deliver("user", &[user(1, version, "ann", blocked)]).await;
        assert_eq!(avatar(&app, 1).await.status, status);
    }
    let exported = app.export(1, "/likes").await;
    assert_eq!(exported["pictures"][0]["avatar"], true);
    app.deliver("user", &[gone(1, 3)]).await;
    avatar(&app, 1).await.is_problem(404, "User not found");
    app.eventually(async || files(&app).is_empty(), "the file is erased").await;
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn no_post_gets_an_avatar_and_nobody_chooses_for_others() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    assert_eq!(choose(&app, &png(3, 3)).send().await.status, 200);
    let (stem, _) = files(&app)[0].split_once('.').map(|(stem, end)| (stem.to_owned(), end.to_owned())).unwrap();
    let path = format!("/posts/{post}");
    let taken = app.patch(&path, json!({ "images": [{ "id": stem }] })).as_user(1, "ann").send().await;
    taken.is_problem(422, "");
    for method in [Method::PUT, Method::DELETE] {
        let call = || app.call(method.clone(), "/users/1/avatar", None);
        call().send().await.is_problem(401, "");
        call().as_user(2, "bob").send().await.is_problem(403, "Only the person may do this");
        call().as_admin().send().await.is_problem(403, "Only the person may do this");
    }
    assert_eq!(files(&app).len(), 1);
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_choice_stores_one_file_and_a_refused_one_stores_none() {
    let app = spawn().await;
    let call = || choose(&app, &png(3, 3)).header("idempotency-key", "k1");
    assert_eq!(call().send().await.status, 200);
    let first = files(&app);
    let again = call().send().await;
    assert_eq!((again.status, files(&app)), (200, first.clone()));
    choose(&app, &png(4, 4)).header("idempotency-key", "k1").send().await.is_problem(422, "");
    choose(&app, b"no picture").send().await.is_problem(415, "");
    let (kind, body) = form(&[("image", Some("x"), &png(1, 1)), ("alt", None, b"x")]);
    let call = app.call(Method::PUT, "/users/1/avatar", None).as_user(1, "ann").body(&kind, body);
    call.send().await.is_problem(422, "");
    assert_eq!(files(&app), first);
    app.finish().await;
}
