//! Tests that compare the engine with its definition, which is written as plain loops over sets. Random histories with
//! ties, blocks, deleted posts and withdrawn likes are delivered in any order and more than once, on every instruction
//! set and with several plans.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use shared::ids::UserId;

use super::bits::testing::architectures;
use super::plan::Plan;
use super::{
    Exclusion, Explanation, LikeMatrix, PostId, PostState, Reason, Recommendation, Recommendations, Scratch, Weighting,
    Weights,
};

/// The size of a random world: numbers of people and posts, and the maximum number of likes.
#[derive(Clone, Copy, Debug)]
struct Size {
    people: i64,
    posts: i64,
    likes: usize,
}

const SMALL: Size = Size { people: 9, posts: 12, likes: 90 };
/// A world with more people than one block holds.
const LARGE: Size = Size { people: 1_300, posts: 24, likes: 6_000 };

/// A world with more posts than one tile holds.
const WIDE: Size = Size { people: 20, posts: 4_300, likes: 5_000 };

/// A world with so many likes that most posts have nearly the same score. The posts take several words.
const DENSE: Size = Size { people: 40, posts: 700, likes: 12_000 };

/// One state of one aggregate.
#[derive(Clone, Copy, Debug)]
enum Event {
    Like { user: i64, post: i64, active: bool, version: i64 },
    User { user: i64, active: bool, version: i64 },
    Post { post: i64, author: Option<i64>, version: i64 },
}

fn feed(mut matrix: LikeMatrix, events: &[Event]) -> LikeMatrix {
    for event in events {
        match *event {
            Event::Like { user, post, active, version } => matrix.set_like(UserId(user), PostId(post), active, version),
            Event::User { user, active, version } => matrix.set_user(UserId(user), active, version),
            Event::Post { post, author, version } => {
                let author_id = author.map(UserId);
                let state = PostState { author_id, created_at: None, deleted: author.is_none(), version };
                matrix.set_post(PostId(post), state);
            }
        }
    }
    matrix
}

/// Generates histories in the order of their versions. Some people and posts have no state of their own.
fn histories(size: Size) -> impl Strategy<Value = Vec<Event>> {
    let likes = prop::collection::vec((1..=size.people, 1..=size.posts, prop::bool::weighted(0.85)), 0..size.likes);
    let users = prop::collection::vec((1..=size.people, prop::bool::weighted(0.6)), 0..12);
    let posts = prop::collection::vec(
        (1..=size.posts, prop::bool::weighted(0.8)),
        size.posts as usize / 2..2 * size.posts as usize,
    );
    (likes, users, posts).prop_map(move |(likes, users, posts)| {
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
                _ => Event::Post { post, author: on.then_some(1 + post % size.people), version },
            }
        });
        states.collect()
    })
}

/// The definition: the newest state of everything, in ordered sets.
#[derive(Default)]
struct Truth {
    likes: BTreeSet<(i64, i64)>,
    inactive: BTreeSet<i64>,
    authors: BTreeMap<i64, i64>,
    /// The likes of active people on visible posts: the posts of each person.
    rows: BTreeMap<i64, BTreeSet<i64>>,
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
        for (user, post) in &truth.likes {
            if !truth.inactive.contains(user) && truth.visible(*post) {
                truth.rows.entry(*user).or_default().insert(*post);
            }
        }
        truth
    }

    fn visible(&self, post: i64) -> bool {
        self.authors.get(&post).is_some_and(|author| !self.inactive.contains(author))
    }

    fn likers(&self, post: i64) -> usize {
        self.rows.values().filter(|row| row.contains(&post)).count()
    }

    fn square(&self, post: i64) -> f64 {
        (1.0 + self.rows.len() as f64 / self.likers(post) as f64).ln().powi(2)
    }

    fn neighbours(&self, me: i64, weighting: Weighting) -> Vec<Reason> {
        let Some(mine) = self.rows.get(&me) else { return Vec::new() };
        let squares: BTreeMap<i64, f64> = self.authors.keys().map(|post| (*post, self.square(*post))).collect();
        let sum = |posts: &mut dyn Iterator<Item = &i64>| posts.map(|post| squares[post]).sum::<f64>();
        let mut found = Vec::new();
        for (user, theirs) in self.rows.iter().filter(|(user, _)| **user != me) {
            let shared: Vec<i64> = mine.intersection(theirs).copied().collect();
            if shared.is_empty() {
                continue;
            }
            let fraction = (shared.len().pow(2), mine.len() * theirs.len());
            let weights = Weights {
                shared: sum(&mut shared.iter()),
                yours: sum(&mut mine.iter()),
                theirs: sum(&mut theirs.iter()),
            };
            let similarity = match weighting {
                Weighting::None => (fraction.0 as f64 / fraction.1 as f64).sqrt(),
                Weighting::Idf => weights.shared / (weights.yours * weights.theirs).sqrt(),
            };
            let reason = Reason {
                user_id: UserId(*user),
                similarity,
                shared_likes: shared.len() as u32,
                your_likes: mine.len() as u32,
                their_likes: theirs.len() as u32,
                weights: (weighting == Weighting::Idf).then_some(weights),
            };
            found.push((fraction, reason));
        }
        found.sort_by(|((top, bottom), one), ((other_top, other_bottom), other)| match weighting {
            Weighting::None => (other_top * bottom).cmp(&(top * other_bottom)).then(one.user_id.cmp(&other.user_id)),
            Weighting::Idf => other.similarity.total_cmp(&one.similarity).then(one.user_id.cmp(&other.user_id)),
        });
        found.into_iter().map(|(_, reason)| reason).collect()
    }

    fn recommend(&self, me: i64, limit: usize, neighbours: usize, weighting: Weighting) -> Recommendations {
        let mut nearest = self.neighbours(me, weighting);
        nearest.truncate(neighbours);
        let mut found = Vec::new();
        for post in self.authors.keys().filter(|post| self.visible(**post) && self.excluded(me, **post).is_none()) {
            let because = self.because(*post, &nearest);
            if !because.is_empty() {
                let score = because.iter().map(|place| nearest[*place].similarity).sum();
                found.push(Recommendation { post_id: PostId(*post), score, because });
            }
        }
        found.sort_by(|one, other| {
            let likes = |found: &Recommendation| self.likers(found.post_id.0);
            let by_neighbours = other.because.len().cmp(&one.because.len());
            let by_score = other.score.total_cmp(&one.score);
            by_score.then(by_neighbours).then(likes(other).cmp(&likes(one))).then(other.post_id.cmp(&one.post_id))
        });
        found.truncate(limit);
        Recommendations { posts: found, neighbours: nearest }
    }

    /// Lists the neighbours who like a post, as places in `nearest`.
    fn because(&self, post: i64, nearest: &[Reason]) -> Vec<usize> {
        let likes = |place: &usize| self.rows[&nearest[*place].user_id.0].contains(&post);
        (0..nearest.len()).filter(likes).collect()
    }

    fn excluded(&self, me: i64, post: i64) -> Option<Exclusion> {
        let own = (self.authors.get(&post) == Some(&me)).then_some(Exclusion::Own);
        own.or_else(|| self.likes.contains(&(me, post)).then_some(Exclusion::Liked))
    }

    fn explain(&self, me: i64, post: i64, nearest: &[Reason]) -> Explanation {
        let because: Vec<Reason> =
            self.because(post, nearest).into_iter().map(|place| nearest[place].clone()).collect();
        let score = because.iter().map(|reason| reason.similarity).sum();
        Explanation { score, because, excluded: self.excluded(me, post) }
    }
}

/// Creates matrices that compute the same in different ways: on every instruction set, and with all, many or few
/// columns as lists, in small worlds and in large ones.
fn matrices() -> Vec<LikeMatrix> {
    let with_sums = architectures().into_iter().map(|arch| LikeMatrix::planned(Plan::forced(arch, true, 3)));
    let best = pulp::Arch::new();
    let others = [(true, 1), (true, 220), (false, 1)]
        .map(|(use_sums, min_list)| LikeMatrix::planned(Plan::forced(best, use_sums, min_list)));
    with_sums.chain(others).chain([LikeMatrix::default()]).collect()
}

/// Compares everything that the engine computes for these people with the definition.
fn compare(history: &[Event], people: impl Iterator<Item = i64> + Clone, limit: usize, neighbours: usize) {
    let truth = Truth::of(history);
    let mut scratch = Scratch::default();
    for matrix in matrices() {
        let matrix = feed(matrix, history);
        for me in people.clone() {
            let nearest = truth.neighbours(me, Weighting::None);
            assert_eq!(matrix.similar_people(&mut scratch, UserId(me), 100_000, None), nearest);
            for (at, person) in nearest.iter().enumerate().take(20) {
                let rest = &nearest[at + 1..(at + 1 + limit).min(nearest.len())];
                assert_eq!(matrix.similar_people(&mut scratch, UserId(me), limit, Some(person.user_id)), rest);
            }
            for weighting in [Weighting::None, Weighting::Idf] {
                let expected = truth.recommend(me, limit, neighbours, weighting);
                assert_eq!(matrix.recommend(&mut scratch, UserId(me), limit, neighbours, weighting), expected);
                let mut nearest = truth.neighbours(me, weighting);
                nearest.truncate(neighbours);
                for post in 1..=SMALL.posts {
                    let explained = matrix.explain(&mut scratch, UserId(me), PostId(post), neighbours, weighting);
                    let visible = truth.visible(post) && !truth.inactive.contains(&me);
                    // A person whom no state names is unknown to the matrix, so there is no explanation for such a
                    // person.
                    let expected = (visible && matrix.knows(UserId(me))).then(|| truth.explain(me, post, &nearest));
                    assert_eq!(explained, expected);
                }
            }
        }
    }
}

/// Collects the similar people and the recommendations of all people in a small world.
fn answers(matrix: &LikeMatrix) -> Vec<(Vec<Reason>, Recommendations)> {
    let (mut all, mut scratch) = (Vec::new(), Scratch::default());
    for me in (1..=SMALL.people).map(UserId) {
        for weighting in [Weighting::None, Weighting::Idf] {
            for neighbours in [1, 3, 100] {
                let people = matrix.similar_people(&mut scratch, me, 4, None);
                all.push((people, matrix.recommend(&mut scratch, me, 5, neighbours, weighting)));
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_what_the_definition_says(
        history in histories(SMALL), limit in 1..8_usize, neighbours in 1..8_usize,
    ) {
        compare(&history, 1..=SMALL.people, limit, neighbours);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_of_events_change_nothing(
        (history, shuffled) in histories(SMALL).prop_flat_map(|history| {
            let twice = [history.clone(), history.clone()].concat();
            (Just(history), Just(twice).prop_shuffle())
        }),
    ) {
        let expected = answers(&feed(LikeMatrix::default(), &history));
        for matrix in matrices() {
            prop_assert_eq!(&answers(&feed(matrix, &shuffled)), &expected);
        }
    }

    #[test]
    fn a_block_and_its_end_restore_everything(history in histories(SMALL), user in 1..=SMALL.people) {
        let mut matrix = feed(LikeMatrix::default(), &history);
        matrix.set_user(UserId(user), true, 1_000);
        let before = answers(&matrix);
        matrix.set_user(UserId(user), false, 1_001);
        let mut scratch = Scratch::default();
        prop_assert!(matrix.recommend(&mut scratch, UserId(user), 5, 100, Weighting::None).posts.is_empty());
        matrix.set_user(UserId(user), true, 1_002);
        prop_assert_eq!(answers(&matrix), before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_holds_for_more_people_than_one_block(history in histories(LARGE), neighbours in 1..200_usize) {
        compare(&history, [1, 7, 512, 513, 1_024, 1_300].into_iter(), 10, neighbours);
    }

    #[test]
    fn the_same_holds_for_scores_that_hardly_differ(history in histories(DENSE), neighbours in 1..40_usize) {
        compare(&history, (1..=DENSE.people).step_by(13), 5, neighbours);
    }

    #[test]
    fn the_same_holds_for_more_posts_than_one_tile(history in histories(WIDE), neighbours in 1..20_usize) {
        compare(&history, [1, 10, WIDE.people].into_iter(), 10, neighbours);
    }
}
