//! Pictures that are sent singly: upload, attachment, texts, sizes, and their end.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::pictures::{form, png};
use crate::{post_of_ann, spawn, user};

/// Sends a picture as this person.
async fn send(app: &TestApp, person: i64, picture: &[u8], alt: Option<&str>) -> Answer {
    let mut fields: Vec<(&str, Option<&str>, &[u8])> = vec![("image", Some("x"), picture)];
    fields.extend(alt.map(|alt| ("alt", None, alt.as_bytes())));
    let (kind, body) = form(&fields);
    app.post("/media", json!(null)).as_user(person, &format!("user{person}")).body(&kind, body).send().await
}

/// Sends a small picture as ann and returns its id.
async fn sent_by_ann(app: &TestApp) -> String {
    let answer = send(app, 1, &png(3, 2), None).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["id"].as_str().unwrap().to_owned()
}

/// Creates a post of ann with these pictures.
async fn post_with(app: &TestApp, images: Value) -> Answer {
    let body = json!({ "title": "Hello", "content": "World", "images": images });
    app.post("/posts", body).as_user(1, "ann").send().await
}

async fn status(app: &TestApp, url: &Value) -> u16 {
    app.get(url.as_str().unwrap()).send().await.status
}

/// The texts of the pictures of a post.
fn alts(post: &Value) -> Vec<Value> {
    post["images"].as_array().unwrap().iter().map(|image| image["alt"].clone()).collect()
}

#[tokio::test]
async fn pictures_are_sent_singly_and_then_shown_by_a_post() {
    let app = spawn().await;
    let first = send(&app, 1, &png(3, 2), Some("Fog over the cable")).await;
    assert_eq!(
        (first.status, &first.headers["location"]),
        (201, &first.json["url"].as_str().unwrap().parse().unwrap())
    );
    let first = first.json;
    assert_eq!((&first["width"], &first["height"], &first["sizes"]), (&json!(3), &json!(2), &json!([])));
    assert_eq!(first["alt"], "Fog over the cable");
    assert_eq!(status(&app, &first["url"]).await, 200, "its owner can look at it before");
    let second = sent_by_ann(&app).await;
    app.events().await;

    let answer = post_with(&app, json!([{ "id": second, "alt": "A glove" }, { "id": first["id"] }])).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let post = answer.json["post"].clone();
    assert_eq!(alts(&post), ["A glove", "Fog over the cable"]);
    assert_eq!((&post["image_url"], &post["images"][1]), (&post["images"][0]["url"], &first));
    let (_, state) = app.events().await.into_iter().find(|(stream, _)| stream == "post").unwrap();
    assert_eq!((&state["images"], &state["image_url"]), (&post["images"], &post["image_url"]));
    let path = format!("/posts/{}", post["id"]);
    for read in [app.get(&path).send().await.json, app.get("/posts").send().await.json["posts"][0].clone()] {
        assert_eq!(read["images"], post["images"]);
    }

    // A picture belongs to one post, and is gone with it.
    post_with(&app, json!([{ "id": second }])).await.is_problem(422, "");
    app.deliver("user", &[user(1, 1, "ann", true)]).await;
    assert_eq!(status(&app, &first["url"]).await, 404, "its owner is blocked");
    app.deliver("user", &[user(1, 2, "ann", false)]).await;
    assert_eq!(status(&app, &first["url"]).await, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.delete(&path).as_user(1, "ann").send().await.status, 200);
    for image in post["images"].as_array().unwrap() {
        assert_eq!(status(&app, &image["url"]).await, 404);
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_picture_of_ones_own_is_refused() {
    let app = spawn().await;
    let own = sent_by_ann(&app).await;
    let other = send(&app, 2, &png(3, 2), None).await.json["id"].clone();
    let unknown = "0".repeat(32);
    let mut five = vec![json!({ "id": own })];
    for _ in 0..4 {
        five.push(json!({ "id": sent_by_ann(&app).await }));
    }
    for (images, pointer) in [
        (json!([{ "id": other }]), "/images"),
        (json!([{ "id": unknown }]), "/images"),
        (json!([{ "id": own }, { "id": own }]), "/images"),
        (json!(five), "/images"),
        (json!([{ "id": "\u{0}" }]), "/images/0/id"),
        (json!([{ "id": "" }]), "/images/0/id"),
        (json!([{ "id": 7 }]), "/images/0/id"),
        (json!([{ "id": own, "alt": "a\u{0}b" }]), "/images/0/alt"),
        (json!([{ "id": own, "alt": "x".repeat(1_501) }]), "/images/0/alt"),
        (json!([{ "id": own, "url": "x" }]), "/images/0/url"),
        (json!([{}]), "/images/0/id"),
        (json!(own), "/images"),
    ] {
        let answer = post_with(&app, images.clone()).await;
        answer.is_problem(422, "The request breaks a rule");
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{images}: {}", answer.text);
    }
    assert_eq!(app.get("/posts").send().await.json["posts"], json!([]));
    five.truncate(4);
    five[0]["alt"] = json!("é".repeat(1_500));
    assert_eq!(post_with(&app, json!(five)).await.status, 201);
    app.finish().await;
}

#[tokio::test]
async fn what_is_sent_must_be_a_form_with_a_picture() {
    let app = spawn().await;
    let good = png(3, 2);
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    let long = "x".repeat(1_501);
    for (fields, status, pointer) in [
        (vec![("alt", None, &b"x"[..])], 422, "/image"),
        (vec![("image", Some("x.png"), b"")], 422, "/image"),
        (vec![("image", Some(""), b"")], 422, "/image"),
        (vec![("image", Some("x"), &good), ("image", Some("y"), &good)], 422, "/image"),
        (vec![("image", Some("x"), &good), ("title", None, b"x")], 422, "/title"),
        (vec![("image", Some("x"), &good), ("alt", None, b"a\tb")], 422, "/alt"),
        (vec![("image", Some("x"), &good), ("alt", None, long.as_bytes())], 422, "/alt"),
        (vec![("image", Some("x"), &good), ("alt", None, b"a"), ("alt", None, b"b")], 422, "/alt"),
        (vec![("image", Some("x"), &good), ("alt", None, b"\xff")], 400, ""),
        (vec![("image", Some("x"), b"not a picture")], 415, ""),
        (vec![("image", Some("x"), heic)], 415, ""),
    ] {
        let (kind, body) = form(&fields);
        let answer = app.post("/media", json!(null)).as_user(1, "ann").body(&kind, body).send().await;
        answer.is_problem(status, "");
        assert!(pointer.is_empty() || answer.json["errors"][0]["pointer"] == pointer, "{}", answer.text);
    }
    app.post("/media", json!({}))
        .as_user(1, "ann")
        .send()
        .await
        .is_problem(415, "The body must be a form with a picture");
    let refused = send(&app, 1, heic, None).await;
    refused.is_problem(
        415,
        "HEIC and AVIF are not taken; send it as a JPEG, which phones and browsers can save and share",
    );
    // In the form of a post, a text without a picture has no meaning.
    let (kind, body) = form(&[("title", None, b"x"), ("content", None, b"x"), ("alt", None, b"x")]);
    app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await.is_problem(422, "");
    let (kind, body) =
        form(&[("title", None, b"x"), ("content", None, b"x"), ("alt", None, b"x"), ("image", None, &good)]);
    let post = app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await.json["post"].clone();
    assert_eq!(alts(&post), ["x"]);
    app.finish().await;
}

#[tokio::test]
async fn the_pictures_of_a_post_and_their_texts_can_be_changed() {
    let app = spawn().await;
    let (a, b, c) = (sent_by_ann(&app).await, sent_by_ann(&app).await, sent_by_ann(&app).await);
    let post = post_with(&app, json!([{ "id": a, "alt": "a" }, { "id": b, "alt": "b" }])).await.json["post"].clone();
    let path = format!("/posts/{}", post["id"]);
    app.events().await;
    let patch = async |person: i64, body: Value| app.patch(&path, body).as_user(person, "x").send().await;

    let changed = patch(1, json!({ "images": [{ "id": c, "alt": "c" }, { "id": a }] })).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(alts(&changed.json["post"]), ["c", "a"]);
    assert!(changed.json["post"]["image_url"].as_str().unwrap().contains(&c));
    assert_eq!(status(&app, &post["images"][1]["url"]).await, 404, "the one that was left out");
    let states = app.events().await;
    assert_eq!((states.len(), &states[0].1["images"]), (1, &changed.json["post"]["images"]));

    patch(1, json!({ "images": [{ "id": c }, { "id": a }] })).await;
    assert!(app.events().await.is_empty(), "nothing has changed");
    let untold =
        patch(1, json!({ "title": "Other", "images": [{ "id": c, "alt": "" }, { "id": a, "alt": "A" }] })).await;
    assert_eq!(alts(&untold.json["post"]), [json!(null), json!("A")]);
    app.events().await;

    // Nothing changes for others, under a condition that is not met, and with a picture that is not there.
    patch(2, json!({ "images": [] })).await.is_problem(403, "");
    patch(1, json!({ "images": [{ "id": b }] })).await.is_problem(422, "");
    let stale = app.patch(&path, json!({ "images": [] })).header("if-match", "\"1.1\"").as_user(1, "ann").send().await;
    stale.is_problem(412, "");
    patch(1, json!({ "images": [{ "id": c }], "title": "" })).await.is_problem(422, "");
    let read = app.get(&path).send().await.json;
    assert_eq!(alts(&read), [json!(null), json!("A")]);
    for image in read["images"].as_array().unwrap() {
        assert_eq!(status(&app, &image["url"]).await, 200);
    }
    app.patch("/posts/999", json!({ "images": [] })).as_user(1, "ann").send().await.is_problem(404, "Post not found");

    let bare = patch(1, json!({ "images": [] })).await.json["post"].clone();
    assert_eq!((&bare["images"], &bare["image_url"]), (&json!([]), &json!(null)));
    assert_eq!(status(&app, &read["images"][0]["url"]).await, 404);
    assert_eq!(app.events().await[0].1["images"], json!(null));
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_upload_gets_the_same_picture() {
    let app = spawn().await;
    let picture = png(3, 2);
    let upload = async |alt: &[u8]| {
        let (kind, body) = form(&[("image", Some("x"), &picture), ("alt", None, alt)]);
        let call = app.post("/media", json!(null)).header("idempotency-key", "k1").as_user(1, "ann");
        call.body(&kind, body).send().await
    };
    let (first, again) = (upload(b"a").await, upload(b"a").await);
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["location"], first.headers["location"]);
    upload(b"b").await.is_problem(422, "This Idempotency-Key belongs to a request with another body");
    let images = json!([{ "id": first.json["id"] }]);
    let post = async |images: Value| {
        let body = json!({ "title": "Hello", "content": "World", "images": images });
        app.post("/posts", body).header("idempotency-key", "k2").as_user(1, "ann").send().await
    };
    let (posted, again) = (post(images.clone()).await, post(images).await);
    assert_eq!((again.status, &again.text), (201, &posted.text));
    post(json!([])).await.is_problem(422, "This Idempotency-Key belongs to a request with another body");
    app.finish().await;
}

#[tokio::test]
async fn sizes_are_made_in_the_background_and_until_then_the_picture_is_served() {
    let app = spawn().await;
    let answer = send(&app, 1, &png(1_000, 500), None).await.json;
    let sizes: Vec<(u64, &str)> = answer["sizes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|size| (size["width"].as_u64().unwrap(), size["url"].as_str().unwrap()))
        .collect();
    assert_eq!(sizes.iter().map(|size| size.0).collect::<Vec<_>>(), [320, 640]);
    for (width, url) in sizes {
        // Whether it is made or not, the answer is a picture.
        let seen = app.get(url).send().await;
        assert_eq!(seen.status, 200);
        assert!([1_000, width].contains(&u64::from(image::load_from_memory(&seen.bytes).unwrap().width())));
        let made = async || app.get(url).send().await.headers["cache-control"] == "public, max-age=3600";
        app.eventually(made, "a size").await;
        let made = app.get(url).send().await;
        assert_eq!(made.headers["content-type"], "image/webp");
        assert_eq!(u64::from(image::load_from_memory(&made.bytes).unwrap().width()), width);
        assert_eq!(made.headers["etag"], format!("\"{}\"", url.trim_start_matches("/media/")));
        let known = app.get(url).header("if-none-match", made.headers["etag"].to_str().unwrap()).send().await;
        assert_eq!(known.status, 304);
    }
    let id = answer["id"].as_str().unwrap();
    for missing in [format!("/media/{id}-1280.webp"), format!("/media/{id}-320.png"), format!("/media/{id}.webp")] {
        app.get(&missing).send().await.is_problem(404, "Image not found");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_size_that_is_not_made_is_not_kept_by_caches() {
    let app = spawn().await;
    let answer = send(&app, 1, &png(400, 10), None).await.json;
    let (url, size) = (answer["url"].as_str().unwrap(), answer["sizes"][0]["url"].as_str().unwrap());
    let made = async || app.get(size).send().await.headers["cache-control"] == "public, max-age=3600";
    app.eventually(made, "the size").await;
    std::fs::remove_file(app.data_folder().join(size.trim_start_matches('/'))).unwrap();
    let (whole, instead) = (app.get(url).send().await, app.get(size).send().await);
    assert_eq!((&instead.bytes, &instead.headers["content-type"]), (&whole.bytes, &whole.headers["content-type"]));
    assert_eq!(
        (&instead.headers["etag"], &instead.headers["cache-control"]),
        (&whole.headers["etag"], &"public, no-cache".parse().unwrap())
    );
    app.finish().await;
}

#[tokio::test]
async fn a_post_from_before_there_were_several_pictures_gets_its_list() {
    let app = spawn().await;
    let (kind, body) = form(&[("title", None, b"x"), ("content", None, b"x"), ("image", Some("x"), &png(400, 10))]);
    let post = app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await.json["post"].clone();
    let lost = post_of_ann(&app).await;
    app.eventually(async || sizes_left(&app).await == 0, "no size to be left").await;
    app.events().await;
    let tx = app.db().begin().await.unwrap();
    let name = "0".repeat(32);
    for sql in [
        "DELETE FROM pictures".to_owned(),
        "UPDATE posts SET images = NULL".to_owned(),
        format!("UPDATE posts SET image_name = '{name}.png' WHERE id = {lost}"),
    ] {
        tx.execute_unprepared(&sql).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(status(&app, &post["image_url"]).await, 200, "it is served meanwhile");
    // Anything that is sent wakes the task.
    send(&app, 2, &png(400, 10), None).await;
    let mut states = Vec::new();
    let told = async || {
        states.extend(app.events().await);
        states.len() == 2
    };
    app.eventually(told, "the next versions").await;
    assert_eq!((&states[0].1["version"], &states[0].1["images"]), (&json!(2), &post["images"]));
    assert_eq!((&states[1].1["version"], &states[1].1["images"]), (&json!(2), &json!(null)));
    let path = format!("/posts/{}", post["id"]);
    assert_eq!(app.get(&path).send().await.json["images"], post["images"]);
    app.finish().await;
}

/// The number of pictures whose sizes are not made yet.
async fn sizes_left(app: &TestApp) -> i64 {
    let sql = "SELECT COUNT(*) AS held FROM pictures WHERE sizes_due_at IS NOT NULL";
    let statement = sea_orm::Statement::from_string(app.db().read().get_database_backend(), sql);
    let row = app.db().read().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "held").unwrap()
}
