//! The engine against the definition, written as plain loops over sets: random histories with ties, blocks, deleted
//! posts and withdrawn likes, delivered in any order and more than once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use shared::ids::UserId;

use super::{LikeMatrix, PostId, Reason, Recommendation, Weighting};

const PEOPLE: i64 = 9;
const POSTS: i64 = 12;

/// One state of one aggregate.
#[derive(Clone, Copy, Debug)]
enum Event {
    Like { user: i64, post: i64, active: bool, version: i64 },
    User { user: i64, active: bool, version: i64 },
    Post { post: i64, author: Option<i64>, version: i64 },
}

fn feed(events: &[Event]) -> LikeMatrix {
    let mut matrix = LikeMatrix::default();
    for event in events {
        match *event {
            Event::Like { user, post, active, version } => matrix.set_like(UserId(user), PostId(post), active, version),
            Event::User { user, active, version } => matrix.set_user(UserId(user), active, version),
            Event::Post { post, author, version } => {
                matrix.set_post(PostId(post), author.map(UserId), author.is_none(), version);
            }
        }
    }
    matrix
}

/// Histories in the order of their versions; some people and posts are never heard of by a state of their own.
fn histories() -> impl Strategy<Value = Vec<Event>> {
    let likes = prop::collection::vec((1..=PEOPLE, 1..=POSTS, prop::bool::weighted(0.85)), 0..90);
    let users = prop::collection::vec((1..=PEOPLE, prop::bool::weighted(0.6)), 0..12);
    let posts = prop::collection::vec((1..=POSTS, prop::bool::weighted(0.8)), 6..24);
    (likes, users, posts).prop_map(|(likes, users, posts)| {
        let mut versions = BTreeMap::new();
        let mut next = |key: (u8, i64, i64)| {
            let version = versions.entry(key).or_insert(0);
            *version += 1;
            *version
        };
        let likes = likes.into_iter().map(|(user, post, active)| (0, user, post, active));
        let users = users.into_iter().map(|(user, active)| (1, user, 0, active));
        let posts = posts.into_iter().map(|(post, alive)| (2, 0, post, alive));
        let states = likes.chain(users).chain(posts).map(|(kind, user, post, on)| {
            let version = next((kind, user, post));
            match kind {
                0 => Event::Like { user, post, active: on, version },
                1 => Event::User { user, active: on, version },
                _ => Event::Post { post, author: on.then_some(1 + post % PEOPLE), version },
            }
        });
        states.collect()
    })
}

/// The newest states only.
#[derive(Default)]
struct Truth {
    likes: BTreeSet<(i64, i64)>,
    inactive: BTreeSet<i64>,
    authors: BTreeMap<i64, i64>,
}

impl Truth {
    fn of(history: &[Event]) -> Self {
        let mut truth = Self::default();
        for event in history {
            match *event {
                Event::Like { user, post, active: true, .. } => drop(truth.likes.insert((user, post))),
                Event::Like { user, post, active: false, .. } => drop(truth.likes.remove(&(user, post))),
                Event::User { user, active: true, .. } => drop(truth.inactive.remove(&user)),
                Event::User { user, active: false, .. } => drop(truth.inactive.insert(user)),
                Event::Post { post, author: Some(author), .. } => drop(truth.authors.insert(post, author)),
                Event::Post { post, author: None, .. } => drop(truth.authors.remove(&post)),
            }
        }
        truth
    }

    /// An active person's likes of visible posts.
    fn row(&self, user: i64) -> BTreeSet<i64> {
        let visible = |post: &i64| self.authors.get(post).is_some_and(|author| !self.inactive.contains(author));
        let likes = self.likes.iter().filter(|(who, _)| *who == user && !self.inactive.contains(who));
        likes.map(|(_, post)| *post).filter(visible).collect()
    }

    fn likers(&self, post: i64) -> usize {
        (1..=PEOPLE).filter(|user| self.row(*user).contains(&post)).count()
    }

    fn square(&self, post: i64) -> f64 {
        let people = (1..=PEOPLE).filter(|user| !self.row(*user).is_empty()).count();
        (1.0 + people as f64 / self.likers(post) as f64).ln().powi(2)
    }

    fn neighbours(&self, me: i64, weighting: Weighting) -> Vec<Reason> {
        let mine = self.row(me);
        let mut found = Vec::new();
        for user in (1..=PEOPLE).filter(|user| *user != me) {
            let theirs = self.row(user);
            let shared: Vec<i64> = mine.intersection(&theirs).copied().collect();
            if shared.is_empty() {
                continue;
            }
            let sum = |posts: &mut dyn Iterator<Item = i64>| posts.map(|post| self.square(post)).sum::<f64>();
            let (top, bottom) = match weighting {
                Weighting::None => (shared.len().pow(2) as f64, (mine.len() * theirs.len()) as f64),
                Weighting::Idf => {
                    let lengths = sum(&mut mine.iter().copied()) * sum(&mut theirs.iter().copied());
                    (sum(&mut shared.iter().copied()), lengths)
                }
            };
            let similarity = if weighting == Weighting::None { (top / bottom).sqrt() } else { top / bottom.sqrt() };
            let fraction = (shared.len() * shared.len(), mine.len() * theirs.len());
            let reason = Reason { user_id: UserId(user), similarity, shared_likes: shared.len() as u32 };
            found.push((fraction, reason));
        }
        found.sort_by(|((top, bottom), one), ((other_top, other_bottom), other)| match weighting {
            Weighting::None => (other_top * bottom).cmp(&(top * other_bottom)).then(one.user_id.cmp(&other.user_id)),
            Weighting::Idf => other.similarity.total_cmp(&one.similarity).then(one.user_id.cmp(&other.user_id)),
        });
        found.into_iter().map(|(_, reason)| reason).collect()
    }

    fn recommend(&self, me: i64, limit: usize, neighbours: usize, weighting: Weighting) -> Vec<Recommendation> {
        let mut nearest = self.neighbours(me, weighting);
        nearest.truncate(neighbours);
        let mut found = Vec::new();
        for post in 1..=POSTS {
            let because: Vec<Reason> =
                nearest.iter().filter(|reason| self.row(reason.user_id.0).contains(&post)).cloned().collect();
            if because.is_empty() || self.likes.contains(&(me, post)) || self.authors.get(&post) == Some(&me) {
                continue;
            }
            let score = because.iter().map(|reason| reason.similarity).sum();
            found.push(Recommendation { post_id: PostId(post), score, because });
        }
        found.sort_by(|one, other| {
            let likes = |found: &Recommendation| self.likers(found.post_id.0);
            let by_neighbours = other.because.len().cmp(&one.because.len());
            let by_score = other.score.total_cmp(&one.score);
            by_score.then(by_neighbours).then(likes(other).cmp(&likes(one))).then(other.post_id.cmp(&one.post_id))
        });
        found.truncate(limit);
        found
    }
}

/// Everything that can be asked, for everybody.
fn answers(matrix: &LikeMatrix) -> Vec<(Vec<Reason>, Vec<Recommendation>)> {
    let mut all = Vec::new();
    for me in (1..=PEOPLE).map(UserId) {
        for weighting in [Weighting::None, Weighting::Idf] {
            for neighbours in [1, 3, 100] {
                all.push((matrix.similar_people(me, 4, None), matrix.recommend(me, 5, neighbours, weighting)));
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_what_the_definition_says(history in histories(), limit in 1..8_usize, neighbours in 1..8_usize) {
        let (matrix, truth) = (feed(&history), Truth::of(&history));
        for me in 1..=PEOPLE {
            let people = truth.neighbours(me, Weighting::None);
            prop_assert_eq!(&matrix.similar_people(UserId(me), 100, None), &people);
            for (at, person) in people.iter().enumerate() {
                prop_assert_eq!(&matrix.similar_people(UserId(me), 100, Some(person.user_id)), &people[at + 1..]);
            }
            for weighting in [Weighting::None, Weighting::Idf] {
                let expected = truth.recommend(me, limit, neighbours, weighting);
                prop_assert_eq!(matrix.recommend(UserId(me), limit, neighbours, weighting), expected);
            }
        }
    }

    #[test]
    fn order_and_repetition_of_events_change_nothing(
        (history, shuffled) in histories().prop_flat_map(|history| {
            let twice = [history.clone(), history.clone()].concat();
            (Just(history), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(answers(&feed(&history)), answers(&feed(&shuffled)));
    }

    #[test]
    fn a_block_and_its_end_restore_everything(history in histories(), user in 1..=PEOPLE) {
        let mut matrix = feed(&history);
        matrix.set_user(UserId(user), true, 1_000);
        let before = answers(&matrix);
        matrix.set_user(UserId(user), false, 1_001);
        prop_assert!(matrix.recommend(UserId(user), 5, 100, Weighting::None).is_empty());
        matrix.set_user(UserId(user), true, 1_002);
        prop_assert_eq!(answers(&matrix), before);
    }
}
