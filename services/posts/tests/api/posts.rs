//! Posts: creating, reading, changing and deleting them.

use serde_json::json;

use crate::{post_of_ann, spawn, user};

#[tokio::test]
async fn a_post_is_readable_at_once_with_its_text_unchanged() {
    let app = spawn().await;
    let content = "  ünïcode ✓ <b>not html</b>\n\t\"quoted\" 👩‍👩‍👧 \u{202e}";
    let sent = json!({ "title": " Tïtle ", "content": content });
    let answer = app.post("/posts", sent).as_user(1, "ann").send().await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.json,
        json!({ "message": "Post created", "post": {
            "id": 1, "title": " Tïtle ", "content": content, "image_url": null, "images": [], "entities": [], "author": { "id": 1, "username": "ann", "avatar_url": "/users/1/avatar" },
            "like_count": 0, "comment_count": 0, "view_count": 0,
            "created_at": "2026-03-01T12:00:00.000000Z", "updated_at": "2026-03-01T12:00:00.000000Z"
        } })
    );
    let place = answer.headers["location"].to_str().unwrap();
    let read = app.get(place).send().await;
    assert_eq!((read.status, &read.json), (200, &answer.json["post"]));
    assert_eq!((&read.headers["etag"], &answer.headers["etag"]), (&"\"1.1\"".parse().unwrap(), &read.headers["etag"]));
    app.finish().await;
}

#[tokio::test]
async fn etags_spare_a_body_and_guard_a_change() {
    let app = spawn().await;
    post_of_ann(&app).await;
    let known = app.get("/posts/1").header("if-none-match", "\"1.1\"").send().await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    assert!(!known.headers.contains_key("content-length"), "the length of what?");
    assert_eq!(app.post("/posts/1/views", json!(null)).send().await.json, json!({ "views": 1 }));
    assert_eq!(app.get("/posts/1").header("if-none-match", "\"1.1\"").send().await.status, 200);

    let change =
        |tag: &'static str| app.patch("/posts/1", json!({ "title": "New" })).as_user(1, "ann").header("if-match", tag);
    // The counters have changed since, the content has not.
    let answer = change("\"1.1\"").send().await;
    assert_eq!((answer.status, &answer.json["message"]), (200, &json!("Post updated")));
    assert_eq!((&answer.json["post"]["title"], &answer.json["post"]["content"]), (&json!("New"), &json!("World")));
    change("\"1.1\"").send().await.is_problem(412, "The post has changed since");
    app.events().await;
    let tag = async || app.get("/posts/1").send().await.headers["etag"].clone();
    let before = tag().await;
    assert_eq!(change("*").send().await.status, 200);
    assert_eq!(tag().await, before);
    assert_eq!(app.events().await, [], "what changes nothing publishes nothing");
    app.finish().await;
}

#[tokio::test]
async fn conditions_are_compared_and_never_complained_about() {
    let app = spawn().await;
    post_of_ann(&app).await;
    let changed = async |title: &str, lines: &[(&str, &str)]| {
        let mut call = app.patch("/posts/1", json!({ "title": title })).as_user(1, "ann");
        for (name, value) in lines {
            call = call.header(name, value);
        }
        call.send().await
    };
    for lines in [
        [("if-match", "W/\"1.1\"")].as_slice(),
        &[("if-match", "\"x\"")],
        &[("if-match", "nonsense")],
        &[("if-match", "")],
        &[("if-match", "\"2.1\""), ("if-match", "\"3.1\"")],
        &[("if-none-match", "*")],
        &[("if-none-match", "W/\"1.1\"")],
        &[("if-match", "\"1.1\""), ("if-none-match", "\"1.1\"")],
    ] {
        changed("No", lines).await.is_problem(412, "The post has changed since");
        let removed =
            lines.iter().fold(app.delete("/posts/1").as_user(1, "ann"), |call, (name, value)| call.header(name, value));
        removed.send().await.is_problem(412, "The post has changed since");
    }
    for (version, lines) in (2..).zip([
        [("if-match", "\"x\", \"1.1\"")].as_slice(),
        &[("if-match", "\"x\""), ("if-match", "\"2.9\"")],
        &[("if-match", "\"3.1-gzip\"")],
        &[("if-match", "*")],
        &[("if-none-match", "\"1.1\"")],
    ]) {
        let answer = changed(&format!("Title {version}"), lines).await;
        assert_eq!(answer.status, 200, "{lines:?}: {}", answer.text);
        assert_eq!(answer.headers["etag"], format!("\"{version}.1\""), "the new one, at once");
    }
    for known in ["\"6.1\"", "W/\"6.1\"", "\"6.1-gzip\"", "W/\"6.1-br\"", "\"x\", \"6.1\"", "*"] {
        let answer = app.get("/posts/1").header("if-none-match", known).send().await;
        assert_eq!((answer.status, answer.headers["etag"].to_str().unwrap()), (304, "\"6.1\""), "{known}");
    }
    let lines = app.get("/posts/1").header("if-none-match", "\"x\"").header("if-none-match", "\"6.1\"");
    assert_eq!(lines.send().await.status, 304);
    app.get("/posts/1").header("if-match", "\"1.1\"").send().await.is_problem(412, "The post has changed since");
    assert_eq!(app.get("/posts/1").header("if-match", "\"6.1\"").send().await.status, 200);
    // A request that would be refused without a condition is refused in the same way with one.
    let change = |id: &str| app.patch(&format!("/posts/{id}"), json!({ "title": "x" })).header("if-match", "\"0.0\"");
    change("99").as_user(1, "ann").send().await.is_problem(404, "Post not found");
    change("1").as_user(2, "bob").send().await.is_problem(403, "Only the author may do this");
    app.patch("/posts/1", json!({})).header("if-match", "\"0.0\"").as_user(1, "ann").send().await.is_problem(422, "");
    app.finish().await;
}

#[tokio::test]
async fn complaints_name_the_place_and_nothing_of_rust() {
    let app = spawn().await;
    post_of_ann(&app).await;
    let error = async |body: &str, patch: bool| {
        let call = if patch { app.patch("/posts/1", json!(null)) } else { app.post("/posts", json!(null)) };
        let answer = call.as_user(1, "ann").body("application/json", body).send().await;
        answer.is_problem(422, "");
        (answer.json["errors"][0]["pointer"].clone(), answer.json["errors"][0]["detail"].clone())
    };
    assert_eq!(
        error("{}", true).await,
        (json!(""), json!("must have at least one of `title`, `content` and `images`"))
    );
    assert_eq!(error("[\"x\"]", false).await, (json!(""), json!("must be an object, not an array")));
    assert_eq!(error("{\"title\":1}", false).await, (json!("/title"), json!("must be a string, not a number")));
    assert_eq!(error("{\"title\":\"x\"}", false).await, (json!("/content"), json!("is missing")));
    let unknown = error("{\"title\":\"x\",\"content\":\"x\",\"more\":1}", false).await;
    assert_eq!(unknown, (json!("/more"), json!("is not known here; known: title, content, images")));
    let marked = app.post("/posts", json!(null)).as_user(1, "ann");
    let marked = marked.body("application/json", "\u{feff}{\"title\":\"x\",\"content\":\"x\"}").send().await;
    assert_eq!(marked.status, 201, "a byte order mark is no part of the text: {}", marked.text);
    for (path, detail) in [
        ("/posts/x", "The path is not valid: a part of it must be an integer id"),
        ("/posts?author=x", "The query is not valid: author must be an integer id"),
        ("/posts?limit=1&limit=2", "The query is not valid: limit is given twice"),
        ("/likes", "The query is not valid: post_id is missing"),
        ("/likes?post_id=x", "The query is not valid: post_id must be integer ids with commas"),
    ] {
        app.get(path).as_user(1, "ann").send().await.is_problem(400, detail);
    }
    app.finish().await;
}

#[tokio::test]
async fn only_the_author_changes_or_deletes_and_a_deletion_is_final() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    let path = format!("/posts/{id}");
    app.patch(&path, json!({ "title": "Mine" }))
        .as_user(2, "bob")
        .send()
        .await
        .is_problem(403, "Only the author may do this");
    app.delete(&path).as_user(2, "bob").send().await.is_problem(403, "Only the author may do this");
    app.delete(&path).send().await.is_problem(401, "An access token is required");
    let answer = app.delete(&path).as_user(1, "ann").send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Post deleted" })));
    for call in [
        app.get(&path),
        app.delete(&path).as_user(1, "ann"),
        app.post(&format!("{path}/likes"), json!(null)).as_user(1, "ann"),
    ] {
        call.send().await.is_problem(404, "Post not found");
    }
    app.finish().await;
}

#[tokio::test]
async fn lists_run_from_new_to_old_and_end() {
    let app = spawn().await;
    for number in 0..5 {
        let (id, name) = if number % 2 == 0 { (1, "ann") } else { (2, "bob") };
        app.post("/posts", json!({ "title": format!("{number}"), "content": "x" })).as_user(id, name).send().await;
    }
    let mut path = "/posts?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = app.get(&path).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
        seen.extend(page.json["posts"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()));
        let Some(cursor) = page.json["next"].as_str() else { break };
        assert_eq!(page.headers["link"], format!("</posts?limit=2&cursor={cursor}>; rel=\"next\""));
        path = format!("/posts?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let of_bob = app.get("/posts?author=2").send().await;
    let ids: Vec<_> = of_bob.json["posts"].as_array().unwrap().iter().map(|post| post["id"].clone()).collect();
    assert_eq!(ids, [json!(4), json!(2)]);
    app.finish().await;
}

#[tokio::test]
async fn a_blocked_author_is_hidden_and_refused_and_comes_back_exactly() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    app.events().await;
    let before = app.get(&format!("/posts/{id}")).send().await.text;
    app.deliver("user", &[user(1, 2, "ann", true)]).await;
    app.get(&format!("/posts/{id}")).send().await.is_problem(404, "Post not found");
    assert_eq!(app.get("/posts").send().await.json["posts"], json!([]));
    let sent = json!({ "title": "x", "content": "x" });
    app.post("/posts", sent.clone()).as_user(1, "ann").send().await.is_problem(403, "Account blocked");
    let mut unblocked = user(1, 3, "ann", false);
    unblocked["session_version"] = json!(1);
    app.deliver("user", &[unblocked]).await;
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.text, before);
    app.post("/posts", sent).as_user(1, "ann").send().await.is_problem(401, "The session has ended, log in again");
    app.finish().await;
}
