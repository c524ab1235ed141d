//! The check of notifications: what each person is told must follow from the likes, subscriptions and comments that
//! everybody can list, minus those of people whom the person mutes or blocks.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use serde_json::Value;

use super::check::{Anomaly, AnomalyKind, list_comments};
use super::client::{Api, Person};
use super::workload::World;

/// A comment, as far as it decides who is told of it.
struct Comment {
    id: i64,
    author: i64,
    reply_to: Option<i64>,
    content: String,
}

/// The comments on a person's lasting post.
struct Home {
    owner: i64,
    post: i64,
    comments: Vec<Comment>,
    likers: Vec<i64>,
}

/// Compares what each person is told with what there is to tell.
pub(super) async fn compare_notifications(world: &World) -> Result<Vec<Anomaly>> {
    let api = &world.api;
    let mut homes = Vec::new();
    for (person, post) in world.people.iter().zip(&world.homes) {
        let comments = list_comments(api, *post).await?.iter().map(read_comment).collect::<Result<_>>()?;
        let likers = api.list(&format!("/posts/{post}/likes"), "likes", None).await?;
        let likers = likers.iter().filter_map(|liker| liker["id"].as_i64()).collect();
        homes.push(Home { owner: person.id, post: *post, comments, likers });
    }
    let mut found = Vec::new();
    for person in &world.people {
        found.extend(compare_person(api, person, &homes).await?);
    }
    found.extend(compare_outcomes(world).await?);
    Ok(found)
}

/// Compares the outcomes of reports that people are told with those that admins see.
async fn compare_outcomes(world: &World) -> Result<Vec<Anomaly>> {
    let (api, admin) = (&world.api, Some(&world.admin));
    let mut ended: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    for case in api.list("/admin/reports", "cases", admin).await? {
        for report in api.list(&format!("/admin/reports/{}", case["id"]), "reports", admin).await? {
            if let (Some(person), Some(id), true) =
                (report["reporter"]["id"].as_i64(), report["id"].as_i64(), report["outcome"].is_string())
            {
                ended.entry(person).or_default().insert(id);
            }
        }
    }
    let mut found = Vec::new();
    for person in &world.people {
        let told = api.list("/notifications", "notifications", Some(person)).await?;
        let told: BTreeSet<i64> = told.iter().filter_map(|one| one["report"]["id"].as_i64()).collect();
        let ended = ended.remove(&person.id).unwrap_or_default();
        if told != ended {
            let kind = if told.len() < ended.len() { AnomalyKind::Lost } else { AnomalyKind::Unexpected };
            let text = format!("notifications of {}: told of the reports {told:?}, ended are {ended:?}", person.name);
            found.push(Anomaly { kind, fault: String::new(), text });
        }
    }
    Ok(found)
}

fn read_comment(comment: &Value) -> Result<Comment> {
    Ok(Comment {
        id: comment["id"].as_i64().context("an id")?,
        author: comment["author"]["id"].as_i64().context("an author")?,
        reply_to: comment["reply_to"].as_i64(),
        content: comment["content"].as_str().context("a content")?.to_owned(),
    })
}

async fn compare_person(api: &Api, person: &Person, homes: &[Home]) -> Result<Vec<Anomaly>> {
    let ids = |list: Vec<Value>| list.iter().filter_map(|one| one["id"].as_i64()).collect::<BTreeSet<i64>>();
    let muted = ids(api.list("/mutes", "users", Some(person)).await?);
    let blocked = ids(api.list("/blocks", "users", Some(person)).await?);
    let followers = ids(api.list(&format!("/users/{}/followers", person.id), "users", None).await?);
    let is_heard = |other: &i64| *other != person.id && !muted.contains(other) && !blocked.contains(other);

    // All comments of a workload are on lasting posts, so each comment above another one is among them, unless it is
    // gone: then whoever wrote it is told of the answer all the same, which this check leaves out of account.
    let (mut expected, mut possible, mut likes) = (BTreeSet::new(), BTreeSet::new(), 0_i64);
    for home in homes {
        let by_id: HashMap<i64, &Comment> = home.comments.iter().map(|comment| (comment.id, comment)).collect();
        for comment in home.comments.iter().filter(|comment| is_heard(&comment.author)) {
            let mentions = comment.content.split(' ').any(|word| word == format!("@{}", person.name));
            let mut above = comment.reply_to;
            let mut answers = false;
            while let Some(id) = above {
                let Some(parent) = by_id.get(&id) else {
                    possible.insert(comment.id);
                    break;
                };
                answers |= parent.author == person.id;
                above = parent.reply_to;
            }
            if home.owner == person.id || mentions || answers {
                expected.insert(comment.id);
            }
        }
        if home.owner == person.id {
            likes += home.likers.iter().filter(|liker| is_heard(liker)).count() as i64;
        }
    }
    let follows = followers.iter().filter(|follower| is_heard(follower)).count() as i64;

    let told = api.list("/notifications", "notifications", Some(person)).await?;
    let comments: BTreeSet<i64> = told.iter().filter_map(|one| one["comment"]["id"].as_i64()).collect();
    let home = homes.iter().find(|home| home.owner == person.id).map(|home| home.post);
    let count = |kind: &str, of_home: bool| -> i64 {
        let of_kind = told.iter().filter(|one| one["kind"] == kind && (!of_home || one["post"]["id"].as_i64() == home));
        of_kind.filter_map(|one| one["user_count"].as_i64()).sum()
    };
    let mut found = Vec::new();
    let mut differ = |kind: AnomalyKind, text: String| {
        found.push(Anomaly { kind, fault: String::new(), text: format!("notifications of {}: {text}", person.name) });
    };
    for id in expected.difference(&comments) {
        differ(AnomalyKind::Lost, format!("nothing of comment {id}"));
    }
    for id in comments.difference(&expected).filter(|id| !possible.contains(id)) {
        differ(AnomalyKind::Unexpected, format!("comment {id}"));
    }
    for (kind, told, there) in [("like", count("like", true), likes), ("follow", count("follow", false), follows)] {
        if told != there {
            let anomaly = if told < there { AnomalyKind::Lost } else { AnomalyKind::Unexpected };
            differ(anomaly, format!("{told} people in notifications of kind {kind}, but {there} in the list"));
        }
    }
    Ok(found)
}
