//! Posts with pictures.

use std::time::Duration;

use serde_json::json;

use crate::{spawn, user};

/// A form with these parts; a part with a file name is a file.
fn form(parts: &[(&str, Option<&str>, &[u8])]) -> (String, Vec<u8>) {
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

/// A white picture.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

#[tokio::test]
async fn a_picture_is_stored_and_served_for_good() {
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
    assert_eq!(picture.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(picture.headers["x-content-type-options"], "nosniff");
    assert_eq!(image::load_from_memory(&picture.bytes).unwrap().width(), 3);
    // It goes when its post is hidden, and comes back with it.
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
