//! Posts with pictures: upload, limits, and serving them whole or in part.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testkit::app::{Answer, TestApp};

use crate::{spawn, user};

/// A form with these fields, as its media type and its body. A field with a file name is a file.
pub(crate) fn form(parts: &[(&str, Option<&str>, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body.extend_from_slice(
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    ("multipart/form-data; boundary=XX".to_owned(), body)
}

/// A white PNG.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

#[tokio::test]
async fn a_picture_is_stored_and_served_while_its_post_is_shown() {
    let app = spawn().await;
    let (kind, body) =
        form(&[("title", None, b"Hello"), ("content", None, b"World"), ("image", Some("../../x.svg"), &png(3, 2))]);
    let answer = app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let url = answer.json["post"]["image_url"].as_str().unwrap();
    assert!(url.starts_with("/media/") && url.ends_with(".png"), "{url}");
    let picture = app.get(url).send().await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.headers["content-type"], "image/png");
    assert_eq!(picture.headers["cache-control"], "public, max-age=3600");
    assert_eq!(picture.headers["x-content-type-options"], "nosniff");
    assert_eq!(image::load_from_memory(&picture.bytes).unwrap().width(), 3);
    // A client that is not a gateway gets the file from the service, whatever it claims.
    let asked = app.get(url).header("x-sendfile-type", "X-Accel-Redirect").send().await;
    assert!(asked.bytes == picture.bytes && !asked.headers.contains_key("x-accel-redirect"));
    // The picture is hidden, and visible again, together with its post.
    for (version, blocked, status) in [(1, true, 404), (2, false, 200)] {
        app.deliver("user", &[user(1, version, "ann", blocked)]).await;
        assert_eq!(app.get(url).send().await.status, status);
    }
    for missing in ["/media/nothing", "/media/0123456789abcdef0123456789abcdef.png", "/media/..%2f..%2fposts.db"] {
        app.get(missing).send().await.is_problem(404, "Image not found");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_picture_or_no_form_is_refused_and_nothing_is_stored() {
    let app = spawn().await;
    let text: [(&str, Option<&str>, &[u8]); 2] = [("title", None, b"Hello"), ("content", None, b"World")];
    let with = |name: &'static str, bytes: Vec<u8>| {
        let mut parts: Vec<(&str, Option<&str>, Vec<u8>)> = text.iter().map(|(n, f, b)| (*n, *f, b.to_vec())).collect();
        parts.push((name, Some("x.png"), bytes));
        let parts: Vec<(&str, Option<&str>, &[u8])> = parts.iter().map(|(n, f, b)| (*n, *f, b.as_slice())).collect();
        form(&parts)
    };
    let mut broken = png(30, 30);
    broken.truncate(40);
    for ((kind, body), status) in [
        (with("image", b"not a picture".to_vec()), 415),
        (with("image", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()), 415),
        (with("image", broken), 422),
        (with("image", png(4_097, 1)), 422),
        (with("image", vec![0; 5 * 1024 * 1024 + 1]), 413),
        (with("image", vec![0; 7 * 1024 * 1024]), 413),
        (with("other", b"x".to_vec()), 422),
        (form(&text[..1]), 422),
        (form(&[text[0], ("content", None, b"\xff\xfe")]), 400),
        (("multipart/form-data; boundary=XX".to_owned(), b"--XX\r\nnonsense".to_vec()), 400),
        (("multipart/form-data".to_owned(), b"--XX--".to_vec()), 400),
        (("text/plain".to_owned(), b"hello".to_vec()), 415),
    ] {
        app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await.is_problem(status, "");
    }
    let (kind, body) = with("a/b~", b"x".to_vec());
    let refused = app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await;
    assert_eq!(refused.json["errors"][0]["pointer"], "/a~1b~0", "{}", refused.text);
    assert_eq!(app.get("/posts").send().await.json["posts"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn a_person_may_post_so_many_pictures_a_day() {
    let app = spawn().await;
    let picture = png(1, 1);
    let post = async |author: i64| {
        let (kind, body) =
            form(&[("title", None, b"Hello"), ("content", None, b"World"), ("image", Some("x.png"), &picture)]);
        app.post("/posts", json!(null)).as_user(author, "ann").body(&kind, body).send().await
    };
    for _ in 0..100 {
        assert_eq!(post(1).await.status, 201);
    }
    let refused = post(1).await;
    refused.is_problem(429, "A person may post 100 pictures a day");
    assert_eq!(refused.headers["retry-after"], "3600");
    assert_eq!(post(2).await.status, 201, "somebody else");
    let words = json!({ "title": "Hello", "content": "World" });
    assert_eq!(app.post("/posts", words).as_user(1, "ann").send().await.status, 201, "without a picture");
    app.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(post(1).await.status, 201);
    app.finish().await;
}

/// Creates a post with a picture.
async fn post_picture(app: &TestApp, author: i64, picture: &[u8]) -> Answer {
    let (kind, body) =
        form(&[("title", None, b"Hello"), ("content", None, b"World"), ("image", Some("x.png"), picture)]);
    app.post("/posts", json!(null)).as_user(author, &format!("user{author}")).body(&kind, body).send().await
}

#[tokio::test]
async fn a_quota_holds_when_all_come_at_once() {
    let app = spawn().await;
    let picture = png(1, 1);
    let post = async |_: i64| loop {
        let answer = post_picture(&app, 1, &picture).await;
        // A busy service refuses with 503 and stores nothing, so the upload is repeated.
        if answer.status != 503 {
            return answer;
        }
    };
    let answers = join_all((0..130).map(post)).await;
    let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(201), with(429)), (100, 30));
    app.finish().await;
}

#[tokio::test]
async fn more_pictures_than_fit_into_memory_are_refused_and_none_is_left_in_doubt() {
    let app = spawn().await;
    let mut state = 1_u32;
    let noise = image::RgbImage::from_fn(700, 700, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
    });
    let mut picture = Vec::new();
    noise.write_to(&mut std::io::Cursor::new(&mut picture), image::ImageFormat::Png).unwrap();
    let answers = join_all((0..60).map(|number| post_picture(&app, 1 + number % 10, &picture))).await;
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.is_problem(503, "");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert!(answers.iter().filter(|answer| answer.json["code"] == "busy").count() >= 10);
    let stored = answers.iter().filter(|answer| answer.status == 201).count();
    assert!((1..50).contains(&stored), "{stored} of 60");
    assert_eq!(post_picture(&app, 1, &picture).await.status, 201, "there is room again");
    app.finish().await;
}

#[tokio::test]
async fn an_empty_file_is_refused_and_no_file_is_none() {
    let app = spawn().await;
    let post = async |image: (&str, Option<&str>, &[u8])| {
        let (kind, body) = form(&[("title", None, b"Hello"), ("content", None, b"World"), image]);
        app.post("/posts", json!(null)).as_user(1, "ann").body(&kind, body).send().await
    };
    let refused = post(("image", Some("photo.jpg"), b"")).await;
    refused.is_problem(422, "");
    assert_eq!(refused.json["errors"][0]["pointer"], "/image");
    // A browser sends such a field when the person has chosen no file.
    for none in [("image", Some(""), &b""[..]), ("image", None, &b""[..])] {
        let answer = post(none).await;
        assert_eq!((answer.status, &answer.json["post"]["image_url"]), (201, &json!(null)), "{}", answer.text);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_part_of_a_picture_can_be_asked_for() {
    let app = spawn().await;
    let url = post_picture(&app, 1, &png(30, 20)).await.json["post"]["image_url"].as_str().unwrap().to_owned();
    let whole = app.get(&url).send().await;
    let (size, tag) = (whole.bytes.len(), whole.headers["etag"].to_str().unwrap().to_owned());
    assert_eq!((whole.status, &whole.headers["accept-ranges"]), (200, &"bytes".parse().unwrap()));
    let get = async |range: &str, more: Option<(&str, &str)>| {
        let call = app.get(&url).header("range", range);
        match more {
            Some((name, value)) => call.header(name, value).send().await,
            None => call.send().await,
        }
    };
    for (range, from, to) in
        [("bytes=0-9", 0, 10), ("bytes=10-", 10, size), ("bytes=-7", size - 7, size), ("bytes=5-99999", 5, size)]
    {
        let part = get(range, None).await;
        assert_eq!((part.status, &part.bytes[..]), (206, &whole.bytes[from..to]), "{range}");
        assert_eq!(part.headers["content-range"], format!("bytes {from}-{}/{size}", to - 1));
        assert_eq!(part.headers["content-length"], (to - from).to_string());
        assert_eq!(
            (&part.headers["etag"], &part.headers["content-type"]),
            (&whole.headers["etag"], &whole.headers["content-type"])
        );
    }
    let beyond = get(&format!("bytes={size}-"), None).await;
    beyond.is_problem(416, "");
    assert_eq!(beyond.headers["content-range"], format!("bytes */{size}"));
    for ignored in ["bytes=9-1", "bytes=0-1,3-4", "pages=1-2", "nonsense"] {
        assert_eq!(get(ignored, None).await.status, 200, "{ignored}");
    }
    assert_eq!(get("bytes=0-9", Some(("if-range", &tag))).await.status, 206);
    for other in ["\"other\"", &format!("W/{tag}"), "Wed, 21 Oct 2026 07:28:00 GMT"] {
        let answer = get("bytes=0-9", Some(("if-range", other))).await;
        assert_eq!((answer.status, answer.bytes.len()), (200, size), "{other}");
    }
    for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let answer = get("bytes=0-9", Some(("if-none-match", &known))).await;
        assert_eq!((answer.status, answer.bytes.len()), (304, 0), "{known}");
        assert_eq!(
            (&answer.headers["etag"], &answer.headers["cache-control"]),
            (&whole.headers["etag"], &whole.headers["cache-control"])
        );
    }
    assert_eq!(app.get(&url).header("if-none-match", "\"x\"").send().await.status, 200);
    assert_eq!(get("bytes=0-9", Some(("if-match", &tag))).await.status, 206);
    for other in ["\"x\"", &format!("W/{tag}")] {
        get("bytes=0-9", Some(("if-match", other))).await.is_problem(412, "");
    }
    app.finish().await;
}
