//! Feeds for feed readers: both formats are valid, follow what is shown, and are not sent twice.

use atom_syndication::Feed;
use axum::http::Method;
use serde_json::json;
use testkit::app::{Answer, TestApp};

use crate::pictures::{form, png};
use crate::{spawn, user};

/// The six feeds, of everybody, of ann and of the tag `rust`.
const FEEDS: [&str; 6] = [
    "/posts.atom",
    "/posts.json",
    "/users/1/feed.atom",
    "/users/1/feed.json",
    "/tags/rust/feed.atom",
    "/tags/rust/feed.json",
];

/// The time of a test's fixed clock.
const NOW: &str = "2026-03-01T12:00:00.000000Z";

async fn write(app: &TestApp, title: &str, content: &str) -> i64 {
    let body = json!({ "title": title, "content": content });
    let answer = app.post("/posts", body).as_user(1, "ann").send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["post"]["id"].as_i64().unwrap()
}

/// Reads a feed and returns it with the ids of its posts, whatever its format. A document that is not valid Atom or has
/// not the required fields of JSON Feed fails.
async fn read(app: &TestApp, path: &str) -> (Answer, Vec<String>) {
    let answer = app.get(path).send().await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    let ids = if path.ends_with(".atom") {
        assert_eq!(answer.headers["content-type"], "application/atom+xml");
        let feed = Feed::read_from(answer.bytes.as_slice()).unwrap();
        assert!(feed.id().ends_with(path) && !feed.title().as_str().is_empty(), "{}", answer.text);
        feed.entries().iter().map(|entry| entry.id().to_owned()).collect()
    } else {
        assert_eq!(answer.headers["content-type"], "application/feed+json");
        assert_eq!(answer.json["version"], "https://jsonfeed.org/version/1.1");
        assert!(answer.json["feed_url"].as_str().unwrap().ends_with(path), "{}", answer.text);
        let items = answer.json["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    (answer, ids)
}

/// The numbers at the end of the ids of a feed's posts.
async fn posts(app: &TestApp, path: &str) -> Vec<i64> {
    let (_, ids) = read(app, path).await;
    ids.iter().map(|id| id.rsplit_once("/posts/").unwrap().1.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_post_is_the_same_in_both_formats() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false)]).await;
    let content = "<script>alert('1')</script> & \"more\"\n#Rust \u{ffff}";
    let (kind, body) = form(&[
        ("title", None, b"A <b>title</b> & more"),
        ("content", None, content.as_bytes()),
        ("image", Some("x.png"), &png(3, 2)),
    ]);
    let sent = app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    let (answer, _) = read(&app, "/users/1/feed.atom").await;
    let feed = Feed::read_from(answer.bytes.as_slice()).unwrap();
    let link = |rel: &str| feed.links().iter().find(|link| link.rel == rel).unwrap().href.clone();
    let base = link("self").strip_suffix("/users/1/feed.atom").unwrap().to_owned();
    assert!(base.starts_with("http://"), "{base}");
    assert_eq!(link("alternate"), format!("{base}/posts?author=1"));
    assert_eq!((feed.title().as_str(), feed.authors()[0].name()), ("ann on Chatty", "ann"));
    assert_eq!(feed.updated().to_rfc3339(), "2026-03-01T12:00:00+00:00");
    let [entry] = feed.entries() else { panic!("{}", answer.text) };
    let post = format!("{base}/posts/{}", sent.json["post"]["id"]);
    let picture = format!("{base}{}", sent.json["post"]["image_url"].as_str().unwrap());
    assert_eq!((entry.id(), entry.title().as_str()), (post.as_str(), "A <b>title</b> & more"));
    assert_eq!((entry.authors()[0].name(), entry.authors()[0].uri()), ("ann", Some(&*format!("{base}/users/1"))));
    assert_eq!(entry.published().map(ToString::to_string), Some(entry.updated().to_string()));
    assert_eq!(entry.categories()[0].term(), "rust");
    let enclosure = entry.links().iter().find(|link| link.rel() == "enclosure").unwrap();
    assert_eq!((enclosure.href(), enclosure.mime_type()), (picture.as_str(), Some("image/png")));
    let html = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;more&quot;<br>\n#Rust \u{fffd}";
    assert_eq!(entry.content().unwrap().content_type(), Some("html"));
    assert_eq!(entry.content().unwrap().value(), Some(html), "markup of the author is text");
    let (answer, _) = read(&app, "/users/1/feed.json").await;
    let ann = json!([{ "name": "ann", "url": format!("{base}/users/1"), "avatar": format!("{base}/users/1/avatar") }]);
    assert_eq!(
        answer.json,
        json!({
            "version": "https://jsonfeed.org/version/1.1", "title": "ann on Chatty",
            "home_page_url": format!("{base}/posts?author=1"), "feed_url": format!("{base}/users/1/feed.json"),
            "authors": ann,
            "items": [{
                "id": post, "url": post, "title": "A <b>title</b> & more", "content_text": content, "image": picture,
                "date_published": NOW, "date_modified": NOW, "authors": ann, "tags": ["rust"],
                "attachments": [{ "url": picture, "mime_type": "image/png" }],
            }],
        })
    );
    // The picture is where the feed says.
    assert_eq!(app.get(picture.strip_prefix(&base).unwrap()).send().await.headers["content-type"], "image/png");
    app.finish().await;
}

#[tokio::test]
async fn feeds_have_the_newest_posts_that_are_shown() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false)]).await;
    let mut written = Vec::new();
    for n in 0..31 {
        written.push(write(&app, "Hello", &format!("{n} #Rust")).await);
    }
    let newest: Vec<i64> = written.iter().skip(1).rev().copied().collect();
    for path in FEEDS {
        assert_eq!(posts(&app, path).await, newest, "{path}");
    }
    assert_eq!(posts(&app, "/users/2/feed.json").await, [0_i64; 0]);
    let (removed, deleted) = (newest[0], newest[1]);
    app.deliver("moderation.post", &[json!({ "id": removed, "version": 1, "removed": true })]).await;
    app.delete(&format!("/posts/{deleted}")).as_user(1, "ann").send().await;
    let left: Vec<i64> = newest.iter().skip(2).chain(&written[..1]).copied().collect();
    for path in FEEDS {
        assert_eq!(posts(&app, path).await, left, "{path} without what is gone");
    }
    app.deliver("user", &[user(1, 2, "ann", true)]).await;
    for path in FEEDS {
        if path.starts_with("/users") {
            app.get(path).send().await.is_problem(404, "User not found");
        } else {
            assert_eq!(posts(&app, path).await, [0_i64; 0], "{path} while the author is blocked");
        }
    }
    app.deliver("user", &[user(1, 3, "ann", false)]).await;
    app.deliver("moderation.post", &[json!({ "id": removed, "version": 2, "removed": false })]).await;
    for path in FEEDS {
        assert_eq!(posts(&app, path).await[0], removed, "{path} after the restore");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_reader_that_has_the_feed_gets_304_until_it_changes() {
    let app = spawn().await;
    let post = write(&app, "Hello", "#rust").await;
    let mut before = Vec::new();
    for path in FEEDS {
        let (first, _) = read(&app, path).await;
        assert_eq!(first.headers["cache-control"], "public, max-age=300");
        let etag = first.headers["etag"].to_str().unwrap().to_owned();
        let again = app.get(path).header("if-none-match", &format!("\"x\", {etag}")).send().await;
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{path}");
        assert_eq!(again.headers["etag"], etag.as_str());
        assert_eq!(again.headers["cache-control"], "public, max-age=300");
        let head = app.call(Method::HEAD, path, None).send().await;
        assert_eq!((head.status, head.bytes.len(), &head.headers["etag"]), (200, 0, &first.headers["etag"]));
        app.get(path).header("if-match", "\"x\"").send().await.is_problem(412, "The feed has changed since");
        before.push(etag);
    }
    // Likes and comments are no part of a feed.
    app.post(&format!("/posts/{post}/likes"), json!(null)).as_user(1, "ann").send().await;
    for (path, etag) in FEEDS.iter().zip(&before) {
        assert_eq!(app.get(path).header("if-none-match", etag).send().await.status, 304, "{path} after a like");
    }
    app.clock.advance(std::time::Duration::from_secs(60));
    app.patch(&format!("/posts/{post}"), json!({ "title": "Changed" })).as_user(1, "ann").send().await;
    for (path, etag) in FEEDS.iter().zip(&before) {
        let answer = app.get(path).header("if-none-match", etag).send().await;
        assert_eq!(answer.status, 200, "{path} after a change");
        assert_ne!(answer.headers["etag"].to_str().unwrap(), etag, "{path}");
        let same_id = read(&app, path).await.1;
        assert!(same_id[0].ends_with(&format!("/posts/{post}")), "{same_id:?}");
    }
    let (answer, _) = read(&app, "/posts.atom").await;
    let feed = Feed::read_from(answer.bytes.as_slice()).unwrap();
    assert_eq!(feed.updated().to_rfc3339(), "2026-03-01T12:01:00+00:00");
    assert_eq!(feed.entries()[0].published().unwrap().to_rfc3339(), "2026-03-01T12:00:00+00:00");
    app.finish().await;
}

#[tokio::test]
async fn lists_link_to_their_feeds_and_a_tag_has_one_feed() {
    let app = spawn().await;
    let post = write(&app, "Hello", "#Straße").await;
    for (list, feed) in [
        ("/posts", "/posts"),
        ("/posts?author=1", "/users/1/feed"),
        ("/posts?tag=STRASSE", "/tags/strasse/feed"),
        ("/posts?tag=%E6%9D%B1", "/tags/%E6%9D%B1/feed"),
    ] {
        let headers = app.get(list).send().await.headers;
        let links: Vec<&str> = headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
        let link =
            |format: &str, kind: &str| format!("<{feed}.{format}>; rel=\"alternate\"; type=\"application/{kind}\"");
        assert_eq!(links, [link("atom", "atom+xml"), link("json", "feed+json")], "{list}");
        read(&app, &format!("{feed}.json")).await;
    }
    assert!(!app.get("/posts?search=hello").send().await.headers.contains_key("link"));
    let mut bodies = Vec::new();
    for tag in ["strasse", "STRASSE", "%23Stra%C3%9Fe"] {
        let answer = app.get(&format!("/tags/{tag}/feed.atom")).send().await;
        assert!(answer.text.contains(&format!("/posts/{post}<")), "{tag}: {}", answer.text);
        bodies.push(answer.bytes);
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]));
    app.finish().await;
}

#[tokio::test]
async fn who_and_what_is_unknown_has_no_feed() {
    let app = spawn().await;
    for format in ["atom", "json"] {
        for id in ["0", "-1", "999", "9007199254740992", "99999999999999999999999"] {
            app.get(&format!("/users/{id}/feed.{format}")).send().await.is_problem(404, "User not found");
        }
        app.get(&format!("/users/ann/feed.{format}")).send().await.is_problem(400, "");
        let long = "x".repeat(101);
        for tag in ["2024", "_", "%23", "a%20b", "%00", "a%2Fb", "a.b", &long] {
            app.get(&format!("/tags/{tag}/feed.{format}")).send().await.is_problem(404, "Tag not found");
        }
        app.get(&format!("/tags/%FF/feed.{format}")).send().await.is_problem(400, "");
        // Nobody has used it yet.
        assert_eq!(read(&app, &format!("/tags/new/feed.{format}")).await.1, [""; 0]);
    }
    assert!(app.get("/posts.xml").send().await.status == 404 && app.get("/users/1/feed").send().await.status == 404);
    app.finish().await;
}
