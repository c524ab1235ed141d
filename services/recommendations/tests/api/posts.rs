//! Recommended posts.

use serde_json::json;

use crate::world::{BOB, CLEO, deleted_post, empty, for_ann, ids, like, near, post, small, user};

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
            "id": 13, "title": "Post 13", "content": "Text", "image_url": "/media/6bf46c697d2caf82eeeacbe226e87555.png",
            "author": {"id": 5, "username": "eve"}, "like_count": 2, "comment_count": 3, "view_count": 40,
            "created_at": "2026-02-02T08:00:00.000000Z", "updated_at": "2026-02-03T08:00:00.000000Z"
        })
    );
    near(&first["score"], BOB + CLEO);
    let because = first["because"].as_array().expect("reasons");
    assert_eq!((because.len(), &because[0]["user_id"], &because[1]["user_id"]), (2, &json!(2), &json!(3)));
    assert_eq!((&because[0]["shared_likes"], &because[1]["shared_likes"]), (&json!(2), &json!(1)));
    near(&because[0]["similarity"], BOB);
    near(&because[1]["similarity"], CLEO);
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
    // Cleo likes the strange ones too, so that they score higher than the known ones.
    let likes: Vec<_> = strange.clone().flat_map(|id| [like(2, id, 1, true), like(3, id, 1, true)]).collect();
    app.deliver("like", &likes).await;
    app.deliver("like", &known.map(|id| like(2, id, 1, true)).collect::<Vec<_>>()).await;
    assert_eq!(ids(&for_ann(&app, "?limit=4").await), [13, 202, 201, 200]);
    app.deliver("user", &[user(99, "late", 1, false)]).await;
    assert_eq!(ids(&for_ann(&app, "?limit=3").await), [139, 138, 137]);
}
