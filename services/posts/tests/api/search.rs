//! Search: posts by words and by hashtags, on both databases with the same results in the same order.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::{spawn, user};

async fn write(app: &TestApp, title: &str, content: &str) -> i64 {
    let body = json!({ "title": title, "content": content });
    let answer = app.post("/posts", body).as_user(1, "ann").send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["post"]["id"].as_i64().unwrap()
}

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn find(app: &TestApp, pairs: &[(&str, &str)]) -> Vec<i64> {
    let answer = app.get(&format!("/posts?{}", query(pairs))).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    ids(&answer.json)
}

fn ids(list: &Value) -> Vec<i64> {
    list["posts"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn posts_are_found_by_their_words_in_any_script() {
    let app = spawn().await;
    let cases = [
        ("Müller's café", "Die STRASSE war naß", &["muller", "CAFÉ", "strasse", "nass"][..]),
        ("東京の天気", "今日は晴れです", &["東京", "天気", "晴"]),
        ("Привет, мир", "ёлка", &["привет мир", "елка"]),
        ("C++ and Rust", "see www.rust-lang.org/foo_bar", &["c++", "rust", "lang", "foo bar"]),
        ("สวัสดี", "ภาษาไทย", &["ไทย"]),
        ("서울에서", "안녕", &["서울"]),
    ];
    let mut written = Vec::new();
    for (title, content, _) in &cases {
        written.push(write(&app, title, content).await);
    }
    for ((title, _, found_by), id) in cases.iter().zip(&written) {
        for words in *found_by {
            assert_eq!(find(&app, &[("search", words)]).await, [*id], "{words} in {title}");
        }
    }
    // All words must be there.
    assert_eq!(find(&app, &[("search", "rust café")]).await, [0_i64; 0]);
    app.finish().await;
}

#[tokio::test]
async fn what_is_not_shown_is_not_found_and_changes_count_at_once() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false)]).await;
    let id = write(&app, "A zebra", "with #stripes").await;
    let found = async || (find(&app, &[("search", "zebra")]).await, find(&app, &[("tag", "Stripes")]).await);
    assert_eq!(found().await, (vec![id], vec![id]));
    app.deliver("user", &[user(1, 2, "ann", true)]).await;
    assert_eq!(found().await, (vec![], vec![]), "its author is blocked");
    let mut unblocked = user(1, 3, "ann", false);
    unblocked["session_version"] = json!(0);
    app.deliver("user", &[unblocked]).await;
    app.deliver("moderation.post", &[json!({ "id": id, "version": 1, "removed": true })]).await;
    assert_eq!(found().await, (vec![], vec![]), "an admin has removed it");
    app.deliver("moderation.post", &[json!({ "id": id, "version": 2, "removed": false })]).await;
    assert_eq!(found().await, (vec![id], vec![id]));
    let path = format!("/posts/{id}");
    let changed = json!({ "title": "A horse", "content": "with a #mane" });
    assert_eq!(app.patch(&path, changed).as_user(1, "ann").send().await.status, 200);
    assert_eq!(found().await, (vec![], vec![]), "the words are gone");
    assert_eq!(find(&app, &[("search", "horse mane")]).await, [id]);
    assert_eq!(find(&app, &[("tag", "#mane")]).await, [id]);
    app.delete(&path).as_user(1, "ann").send().await;
    assert_eq!(find(&app, &[("search", "horse")]).await, [0_i64; 0]);
    assert_eq!(find(&app, &[("tag", "mane")]).await, [0_i64; 0]);
    app.finish().await;
}

#[tokio::test]
async fn pages_are_in_the_asked_order_and_neither_lose_nor_repeat() {
    let app = spawn().await;
    let mut written = Vec::new();
    for (title, content) in [
        ("tea", "tea tea tea tea #tea"),
        ("a note", "tea #Tea"),
        ("tea", "a note"),
        ("a note", "of coffee"),
        ("a note", "tea, tea #ＴＥＡ"),
        ("a note", "tea"),
    ] {
        written.push(write(&app, title, content).await);
    }
    let place = |places: &[usize]| places.iter().map(|place| written[*place]).collect::<Vec<_>>();
    // Ranks: title 3, content up to 3. The hashtag is a word, too.
    let orders = [
        (vec![("search", "tea")], place(&[5, 4, 2, 1, 0])),
        (vec![("search", "TEA"), ("order", "best")], place(&[0, 4, 2, 1, 5])),
        (vec![("tag", "tea")], place(&[4, 1, 0])),
    ];
    for (pairs, expected) in &orders {
        assert_eq!(&find(&app, pairs).await, expected, "{pairs:?}");
        for limit in 1..4 {
            let (mut seen, mut path) = (Vec::new(), format!("/posts?{}&limit={limit}", query(pairs)));
            loop {
                let page = app.get(&path).send().await.json;
                seen.extend(ids(&page));
                let Some(next) = page["next"].as_str() else { break };
                path = format!("/posts?{}&limit={limit}&cursor={next}", query(pairs));
            }
            assert_eq!(&seen, expected, "{pairs:?} by {limit}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn whatever_is_asked_has_an_answer() {
    let app = spawn().await;
    let id = write(&app, "and or not", "near \"quotes\" * ( ) : - ^ ' NULL").await;
    for harmless in
        ["\"", "*", "' OR 1=1 --", "NEAR(", "\u{301}", "!!!", "(", "a:b", "-", "^and", "\"and\" \"or\"", " "]
    {
        let found = find(&app, &[("search", harmless)]).await;
        assert!(found.is_empty() || found == [id], "{harmless}: {found:?}");
    }
    assert_eq!(find(&app, &[("search", "AND NOT near")]).await, [id], "operators are words");
    assert_eq!(find(&app, &[("tag", "\0")]).await, [0_i64; 0]);
    let long = "x".repeat(1_500);
    let many = (0..33).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    for refused in [
        query(&[("search", &long)]),
        query(&[("search", &many)]),
        query(&[("search", "x"), ("tag", "x")]),
        query(&[("tag", &"x".repeat(102))]),
        query(&[("search", "x"), ("author", "1")]),
        query(&[("tag", "x"), ("order", "best")]),
        query(&[("search", "x"), ("order", "worst")]),
    ] {
        let answer = app.get(&format!("/posts?{refused}")).send().await;
        assert_eq!(answer.status, 400, "{refused}: {}", answer.text);
    }
    app.finish().await;
}
