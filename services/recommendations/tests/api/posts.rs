//! Recommended posts, explanations, and popular posts.

use serde_json::json;

use crate::world::{BOB, CLEO, deleted_post, empty, for_ann, ids, like, near, pictures, post, small, user};

#[tokio::test]
async fn the_example_is_answered_as_computed_by_hand() {
    let app = small().await;
    let answer = for_ann(&app, "").await;
    assert_eq!(answer.json["message"], "Recommended posts");
    assert_eq!(ids(&answer), [13, 14]);
    let first = &answer.json["posts"][0];
    assert_eq!(
        first["post"],
        json!({
            "id": 13, "title": "Post 13", "content": "Text", "image_url": "/media/6bf46c697d2caf82eeeacbe226e87555.png", "images": pictures(), "entities": [],
            "author": { "id": 5, "username": "eve", "avatar_url": "/users/5/avatar" }, "like_count": 2, "comment_count": 3, "view_count": 40,
            "created_at": "2026-02-02T08:00:00.000000Z", "updated_at": "2026-02-03T08:00:00.000000Z"
        })
    );
    near(&first["score"], BOB + CLEO);
    let because = first["because"].as_array().expect("reasons");
    assert_eq!((because.len(), &because[0]["user_id"], &because[1]["user_id"]), (2, &json!(2), &json!(3)));
    assert_eq!((&because[0]["shared_likes"], &because[1]["shared_likes"]), (&json!(2), &json!(1)));
    near(&because[0]["similarity"], BOB);
    near(&because[1]["similarity"], CLEO);
    for (reason, shared, theirs) in [(&because[0], 2.0, 4.0), (&because[1], 1.0, 3.0)] {
        assert_eq!((&reason["your_likes"], &reason["their_likes"]), (&json!(2), &json!(theirs as i64)));
        near(&reason["similarity"], shared / (2.0_f64 * theirs).sqrt());
        assert!(reason.get("weights").is_none(), "{reason}");
    }
    assert!(answer.json["posts"][0].get("fallback").is_none());
    let second = &answer.json["posts"][1];
    near(&second["score"], BOB);
    assert_eq!(second["because"].as_array().map(Vec::len), Some(1));
    assert_eq!(second["post"]["like_count"], 0, "counters that are not known yet are zero");
}

#[tokio::test]
async fn limit_neighbours_and_weighting_are_obeyed() {
    let app = small().await;
    assert_eq!(ids(&for_ann(&app, "?limit=1").await), [13]);
    // With Bob alone both posts score the same; more people like 13.
    let nearest = for_ann(&app, "?neighbours=1&weighting=none").await;
    assert_eq!(ids(&nearest), [13, 14]);
    near(&nearest.json["posts"][0]["score"], BOB);
    let idf = for_ann(&app, "?weighting=idf&limit=100&neighbours=1000").await;
    assert_eq!(ids(&idf), [13, 14]);
    near(&idf.json["posts"][0]["because"][0]["similarity"], 0.579_992_093_371_434_2);
    near(&idf.json["posts"][0]["because"][1]["similarity"], 0.243_520_828_641_839_83);
    let weights = &idf.json["posts"][0]["because"][0]["weights"];
    let [shared, yours, theirs] = ["shared", "yours", "theirs"].map(|field| weights[field].as_f64().expect("a sum"));
    near(&idf.json["posts"][0]["because"][0]["similarity"], shared / (yours * theirs).sqrt());
}

#[tokio::test]
async fn without_candidates_there_are_no_posts() {
    let app = empty().await;
    let nothing = json!({"message": "No recommendations available", "posts": []});
    assert_eq!(for_ann(&app, "").await.json, nothing);
    app.deliver("like", &[like(1, 11, 1, true), like(2, 11, 1, true), like(2, 12, 1, true)]).await;
    assert_eq!(for_ann(&app, "").await.json, nothing, "posts that are not known yet do not count");
    let app = small().await;
    let dan = app.get("/recommendations").as_user(4, "dan").send().await;
    assert_eq!((dan.status, dan.json), (200, nothing.clone()));
    let stranger = app.get("/recommendations").as_user(77, "new").send().await;
    assert_eq!((stranger.status, stranger.json), (200, nothing));
}

#[tokio::test]
async fn likes_and_deletions_count_at_once() {
    let app = small().await;
    app.deliver("like", &[like(1, 13, 1, true)]).await;
    assert_eq!(ids(&for_ann(&app, "").await), [14], "what I like already is no news");
    app.deliver("like", &[like(1, 13, 2, false)]).await;
    app.deliver("post", &[deleted_post(14, 2)]).await;
    assert_eq!(ids(&for_ann(&app, "").await), [13]);
    app.deliver("post", &[post(14, 5, 3)]).await;
    assert_eq!(ids(&for_ann(&app, "").await), [13, 14], "a restored post comes back with its likes");
}

#[tokio::test]
async fn a_block_hides_and_an_unblock_restores_exactly() {
    let app = small().await;
    let before = for_ann(&app, "").await.json;
    app.deliver("user", &[user(2, "bob", 2, true)]).await;
    let without_bob = for_ann(&app, "").await;
    assert_eq!(ids(&without_bob), [13]);
    near(&without_bob.json["posts"][0]["score"], CLEO);
    app.deliver("user", &[user(2, "bob", 3, false)]).await;
    assert_eq!(for_ann(&app, "").await.json, before);
    app.deliver("user", &[user(5, "eve", 2, true)]).await;
    assert_eq!(ids(&for_ann(&app, "").await), [0; 0], "posts of a blocked author are hidden");
    app.deliver("user", &[user(5, "eve", 3, false)]).await;
    assert_eq!(for_ann(&app, "").await.json, before);
}

#[tokio::test]
async fn posts_of_unknown_authors_are_left_out_and_the_limit_is_met_by_others() {
    let app = small().await;
    let (strange, known) = (100..140_i64, 200..203_i64);
    let posts: Vec<_> =
        strange.clone().map(|id| post(id, 99, 1)).chain(known.clone().map(|id| post(id, 5, 1))).collect();
    app.deliver("post", &posts).await;
    // Cleo also likes the posts of the unknown author, so that these score higher than the others.
    let likes: Vec<_> = strange.clone().flat_map(|id| [like(2, id, 1, true), like(3, id, 1, true)]).collect();
    app.deliver("like", &likes).await;
    app.deliver("like", &known.map(|id| like(2, id, 1, true)).collect::<Vec<_>>()).await;
    assert_eq!(ids(&for_ann(&app, "?limit=4").await), [13, 202, 201, 200]);
    app.deliver("user", &[user(99, "late", 1, false)]).await;
    assert_eq!(ids(&for_ann(&app, "?limit=3").await), [139, 138, 137]);
}

#[tokio::test]
async fn one_post_is_explained_even_if_it_is_not_recommended() {
    let app = small().await;
    let explain = async |id: i64, query: &str| {
        app.get(&format!("/recommendations/posts/{id}/explain{query}")).as_user(1, "ann").send().await
    };
    let recommended = for_ann(&app, "").await.json["posts"][0].clone();
    let first = explain(13, "").await.json;
    assert_eq!((&first["message"], &first["excluded"]), (&json!("Explained post"), &json!(null)));
    for field in ["post", "score", "because"] {
        assert_eq!(first[field], recommended[field]);
    }
    near(&explain(13, "?neighbours=1").await.json["score"], BOB);
    let idf = explain(13, "?weighting=idf").await.json;
    assert_eq!(idf["because"], for_ann(&app, "?weighting=idf").await.json["posts"][0]["because"]);
    let liked = explain(11, "").await.json;
    assert_eq!((&liked["excluded"], liked["because"].as_array().map(Vec::len)), (&json!("liked"), Some(2)));
    assert_eq!(explain(17, "").await.json["excluded"], "own");
    let nobody = explain(15, "").await.json;
    assert_eq!((&nobody["score"], &nobody["because"], &nobody["excluded"]), (&json!(0.0), &json!([]), &json!(null)));
    assert!(nobody["score"].as_f64().is_some_and(f64::is_sign_positive), "not -0.0");
    explain(99, "").await.is_problem(404, "Post not found");
    app.deliver("post", &[deleted_post(13, 2)]).await;
    explain(13, "").await.is_problem(404, "Post not found");
}

#[tokio::test]
async fn popular_posts_of_the_last_days_fill_up_when_asked_to() {
    let app = small().await;
    let of_dan = async |query: &str| app.get(&format!("/recommendations{query}")).as_user(4, "dan").send().await;
    // It is the first of March; all posts are of the second of February.
    assert_eq!(ids(&of_dan("?fallback=popular").await), [0; 0]);
    let new = |id: i64, author: i64| {
        let mut post = post(id, author, 2);
        post["created_at"] = json!("2026-02-25T08:00:00.000000Z");
        post
    };
    app.deliver("post", &[new(11, 5), new(12, 5), new(13, 5), new(15, 5), new(16, 5), new(17, 4)]).await;
    assert_eq!(ids(&of_dan("").await), [0; 0], "only when asked to");
    let filled = of_dan("?fallback=popular").await;
    // 11 has three likes, 13 and 12 have two; 16 has none, Dan likes 15 and wrote 17.
    assert_eq!(ids(&filled), [11, 13, 12]);
    assert_eq!(filled.json["message"], "Recommended posts");
    for post in filled.json["posts"].as_array().expect("posts") {
        assert_eq!((&post["fallback"], &post["score"], &post["because"]), (&json!("popular"), &json!(0.0), &json!([])));
    }
    assert_eq!(ids(&of_dan("?fallback=popular&limit=2").await), [11, 13]);
    // Ann has neighbours. The posts that they like come first and are not repeated as popular ones.
    let ann = for_ann(&app, "?fallback=popular").await;
    assert_eq!(ids(&ann), [13, 14, 17, 15]);
    assert_eq!(ann.json["posts"][3]["fallback"], "popular");
    assert!(ann.json["posts"][2].get("fallback").is_none());
    app.deliver("user", &[user(5, "eve", 2, true)]).await;
    assert_eq!(ids(&for_ann(&app, "?fallback=popular").await), [17], "posts of a blocked author are hidden");
}

#[tokio::test]
async fn a_post_is_shown_as_it_is_now() {
    let app = small().await;
    let first = async || for_ann(&app, "").await.json["posts"][0]["post"].clone();
    assert_eq!(first().await["title"], "Post 13");
    let mut edited = post(13, 5, 2);
    edited["title"] = json!("Edited");
    app.deliver("post", &[edited]).await;
    let counts = json!({"id": 13, "version": 10, "like_count": 3, "comment_count": 3, "view_count": 41});
    app.deliver("post_counts", &[counts]).await;
    let shown = first().await;
    assert_eq!(
        (&shown["title"], &shown["like_count"], &shown["view_count"]),
        (&json!("Edited"), &json!(3), &json!(41))
    );
}

#[tokio::test]
async fn the_reasons_of_a_thousand_people_recompute_to_the_printed_scores() {
    const PEOPLE: i64 = 1_000;
    const POSTS: i64 = 200;
    let app = empty().await;
    let people: Vec<_> = (1..=PEOPLE).map(|id| user(id, &format!("user{id}"), 1, false)).collect();
    let posts: Vec<_> = (1..=POSTS).map(|id| post(id, 1 + id * 5 % PEOPLE, 1)).collect();
    // The numbers only need to be scattered. The product of two draws makes low ids frequent, like popular posts.
    let mut random = (1..).map(|n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(n) >> 40);
    let mut draw = move || random.next().expect("no end") as i64 % POSTS;
    let likes: Vec<_> = (0..10 * PEOPLE).map(|n| like(1 + n / 10, 1 + draw() * draw() / POSTS, 1, true)).collect();
    app.deliver("user", &people).await;
    app.deliver("post", &posts).await;
    app.deliver("like", &likes).await;
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let mut reasons = 0;
    for id in 1..=PEOPLE {
        let weighting = if id % 2 == 0 { "none" } else { "idf" };
        let path = format!("/recommendations?weighting={weighting}&neighbours={}", 1 + id % 150);
        let answer = app.get(&path).as_user(id, &format!("user{id}")).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        for post in answer.json["posts"].as_array().expect("posts") {
            let mut score = 0.0;
            for reason in post["because"].as_array().expect("reasons") {
                let (shared, yours, theirs) = if weighting == "idf" {
                    let weights = &reason["weights"];
                    (number(&weights["shared"]), number(&weights["yours"]), number(&weights["theirs"]))
                } else {
                    (number(&reason["shared_likes"]), number(&reason["your_likes"]), number(&reason["their_likes"]))
                };
                near(&reason["similarity"], shared / (yours * theirs).sqrt());
                score += number(&reason["similarity"]);
                reasons += 1;
            }
            near(&post["score"], score);
        }
    }
    assert!(reasons > 10 * PEOPLE, "{reasons} reasons");
}
