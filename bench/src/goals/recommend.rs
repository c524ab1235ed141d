//! P15 to P18: the recommendation engine, called directly and over HTTP, its memory, and the quality of its
//! recommendations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use recommendations::domain::{LikeMatrix, PostId, PostState, Scratch, Weighting};
use serde_json::Value;
use shared::ids::UserId;

use super::reads::{compare_servers, python, same_bytes};
use crate::anchors::{self, read_figure};
use crate::inverted::Inverted;
use crate::likes::{self, Like, ML_1M, ML_20M, ML_100K, SPARSE, Shape};
use crate::load::{self, Get, Late};
use crate::report::{Bound, Outcome};
use crate::rounds::{Compared, Effort, compare, median};
use crate::world::{World, run_sql};

/// The environment variable with the path of real data: u.data of MovieLens 100K, which may not be passed on.
const U_DATA: &str = "U_DATA";
/// The number of clients of a closed loop.
const CLIENTS: usize = 64;
/// The number of people of a large data set whose answers are measured.
const SAMPLE: usize = 2_000;
/// The number of random splits of the likes on which the quality is measured.
const SPLITS: u64 = 5;

/// The engine with a data set, and its people in a mixed order.
struct Engine {
    matrix: LikeMatrix,
    scratch: Scratch,
    people: Vec<UserId>,
}

impl Engine {
    /// Fills the engine. People come first, the most active one first, as at the start of the service.
    fn new(likes: &[Like]) -> Self {
        let mut matrix = LikeMatrix::default();
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        likes.iter().for_each(|(person, _)| *counts.entry(*person).or_default() += 1);
        let mut people: Vec<u32> = counts.keys().copied().collect();
        people.sort_by_key(|person| counts.get(person).map(|count| std::cmp::Reverse(*count)));
        matrix.number_people(people.iter().map(|person| UserId(i64::from(*person))));
        // One person who likes nothing has written all posts, so that nobody's own posts are left out.
        let state = PostState { author_id: Some(UserId(i64::MAX)), created_at: None, deleted: false, version: 1 };
        for post in likes.iter().map(|(_, post)| *post).collect::<BTreeSet<u32>>() {
            matrix.set_post(PostId(i64::from(post)), state);
        }
        for (person, post) in likes {
            matrix.set_like(UserId(i64::from(*person)), PostId(i64::from(*post)), true, 1);
        }
        matrix.tighten_all();
        // Neighbours in this list are far apart by activity, so that a short round meets all kinds of people.
        let len = people.len();
        let people = (0..len).filter_map(|at| people.get(at * 7_919 % len)).map(|person| UserId(i64::from(*person)));
        Self { matrix, scratch: Scratch::default(), people: people.collect() }
    }

    /// Asks a question about one person after the other, until this length of time has passed and [`SAMPLE`] answers,
    /// or one about each person, have been given. Returns the microseconds that each answer has taken.
    fn time_answers(
        &mut self,
        length: Duration,
        mut question: impl FnMut(&LikeMatrix, &mut Scratch, UserId),
    ) -> Vec<f64> {
        let (begun, mut times) = (Instant::now(), Vec::new());
        for person in self.people.iter().cycle() {
            let one = Instant::now();
            question(&self.matrix, &mut self.scratch, *person);
            times.push(one.elapsed().as_secs_f64() * 1e6);
            if begun.elapsed() > length && times.len() >= self.people.len().min(SAMPLE) {
                break;
            }
        }
        times
    }

    /// Returns the microseconds of each answer to "the three most similar people".
    fn time_similar_people(&mut self, length: Duration) -> Vec<f64> {
        self.time_answers(length, |matrix, scratch, me| drop(matrix.similar_people(scratch, me, 3, None)))
    }

    /// Returns the microseconds of each answer to "five recommended posts", from this number of neighbours.
    fn time_recommendations(&mut self, length: Duration, neighbours: usize) -> Vec<f64> {
        self.time_answers(length, |matrix, scratch, me| {
            drop(matrix.recommend(scratch, me, 5, neighbours, Weighting::None));
        })
    }
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

/// Returns a percentile of figures; `quantile` is 0.99 for the p99.
fn at_quantile(figures: &[f64], quantile: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(((sorted.len() as f64 * quantile) as usize).min(sorted.len() - 1)).copied().unwrap_or(f64::NAN)
}

/// The anchor, which is the Python library `implicit`. It reads the same likes from a file.
struct Implicit<'a> {
    python: std::path::PathBuf,
    script: String,
    data: &'a Path,
}

impl<'a> Implicit<'a> {
    async fn new(tools: &Path, data: &'a Path) -> Result<Self> {
        let python = python(tools, "implicit", &["implicit==0.7.3", "numpy", "scipy"]).await?;
        Ok(Self { python, script: anchors::folder()?.join("implicit_knn.py").display().to_string(), data })
    }

    /// Runs the script in its mode `what`, and returns the figure that it has measured.
    async fn measure(&self, length: Duration, what: &str) -> Result<f64> {
        let data = self.data.display().to_string();
        let arguments = [&*self.script, &data, &length.as_secs().to_string(), what];
        read_figure(&self.python, &arguments).await?.get("figure").and_then(Value::as_f64).context("implicit's figure")
    }
}

/// Returns likes in the shape of MovieLens 100K and the name of the data set for the table: the real ones if `U_DATA`
/// names their file, else generated ones.
fn movie_likes() -> Result<(Vec<Like>, &'static str)> {
    match std::env::var_os(U_DATA) {
        Some(path) => Ok((likes::read(Path::new(&path))?, "MovieLens 100K")),
        None => Ok((likes::generate(ML_100K, 1)?, "made in the shape of MovieLens 100K")),
    }
}

/// Measures similar people and recommended posts by direct calls of the engine, compared with `implicit` (P15), and the
/// recommendations after a new like (P16b).
pub(crate) async fn measure_calls(effort: Effort, tools: &Path) -> Result<Vec<Outcome>> {
    let folder = tempfile::tempdir()?;
    let mut outcomes = Vec::new();
    let small = movie_likes()?;
    let large = (likes::generate(ML_1M, 1)?, "made in the shape of MovieLens 1M");
    for (suffix, (likes, name), bound) in
        [("100K", small, Bound::AtLeast(8.0, 12.0)), ("1M", large, Bound::AtLeast(10.0, 14.0))]
    {
        let path = folder.path().join(suffix);
        likes::write(&path, &likes)?;
        let implicit = Implicit::new(tools, &path).await?;
        let mut engine = Engine::new(&likes);
        let people_a_second = |micros: f64| 1e6 / micros;
        let compared = compare(
            effort,
            async |length| Ok(people_a_second(implicit.measure(length, "neighbours").await?)),
            async |length| Ok(people_a_second(mean(&engine.time_similar_people(length)))),
        )
        .await?;
        let what = format!("the three most similar people, {name}, {} likes", likes.len());
        let anchor = "implicit, all_pairs_knn with its better number of threads";
        let note = (true, format!("one thread, {}", engine.matrix.instructions()));
        outcomes.push(Outcome::new(&format!("P15-{suffix}"), (&what, anchor), "people/s", &compared, bound, note));
        for neighbours in [3, 100] {
            let compared = compare(
                effort,
                async |length| Ok(people_a_second(implicit.measure(length, "recommend").await?)),
                async |length| Ok(people_a_second(mean(&engine.time_recommendations(length, neighbours)))),
            )
            .await?;
            let what = format!("five recommended posts with reasons, {neighbours} neighbours, {name}");
            let (goal, bound) = (format!("P15-{suffix}-{neighbours}"), Bound::AtLeast(6.0, 8.0));
            let what = (&*what, "implicit, recommend for everybody at once");
            outcomes.push(Outcome::new(&goal, what, "people/s", &compared, bound, (true, String::new())));
        }
        if suffix == "100K" {
            outcomes.push(measure_new_like(effort, &implicit, &mut engine).await?);
        }
    }
    Ok(outcomes)
}

/// Measures a like followed by recommendations that take it into account, compared with `implicit`, which has to
/// compute its model again (P16b).
async fn measure_new_like(effort: Effort, implicit: &Implicit<'_>, engine: &mut Engine) -> Result<Outcome> {
    let mut version = 1;
    let compared = compare(
        effort,
        async |length| Ok(1e3 / implicit.measure(length, "refit").await?),
        async |length| {
            let (begun, mut answers) = (Instant::now(), 0_u32);
            let people = engine.people.clone();
            for person in people.iter().cycle() {
                // Each version gives the like or takes it back, so that no call is without an effect.
                version += 1;
                engine.matrix.set_like(*person, PostId(1), version % 2 == 0, version);
                drop(engine.matrix.recommend(&mut engine.scratch, *person, 5, 100, Weighting::None));
                answers += 1;
                if begun.elapsed() > length {
                    break;
                }
            }
            Ok(f64::from(answers) / begun.elapsed().as_secs_f64())
        },
    )
    .await?;
    let what = ("a like, and recommendations that know of it", "implicit: fit again, and answer");
    let bound = Bound::AtLeast(100.0, 300.0);
    Ok(Outcome::new("P16b", what, "answers/s", &compared, bound, (true, String::new())))
}

/// Measures recommendations over HTTP, compared with a server that answers the same bytes (P16a).
pub(crate) async fn measure_over_http(world: &mut World, programs: &Path, effort: Effort) -> Result<Vec<Outcome>> {
    let (likes, name) = movie_likes()?;
    seed(world, &likes).await?;
    let service = world.address("recommendations")?;
    let people: BTreeSet<u32> = likes.iter().map(|(person, _)| *person).collect();
    let mut outcomes = Vec::new();
    for neighbours in [3, 100] {
        let path = format!("/recommendations?neighbours={neighbours}");
        let ask = |person: &u32| (path.clone(), Some(world.token(*person as usize)));
        let script = Arc::new(Get(people.iter().map(ask).collect()));
        let page = load::send_once(service, load::Script::call(&*script, 0, 0)).await?;
        let answer: Value = serde_json::from_slice(&page)?;
        let posts = answer.pointer("/posts").and_then(Value::as_array).map_or(0, Vec::len);
        // With fewer posts the answer would be smaller than the one that the goal is about.
        ensure!(posts == 5, "{posts} posts are recommended");
        let anchor = same_bytes(programs, &page).await?;
        let what = format!("recommendations of everybody, {neighbours} neighbours, {name}, {} bytes", page.len());
        let sides = [(anchor.address, Arc::clone(&script)), (service, Arc::clone(&script))];
        let bare = "axum that answers the same bytes";
        let goal = format!("P16a-{neighbours}");
        outcomes.push(compare_servers(effort, &goal, (&what, bare), Bound::AtLeast(0.5, 0.65), sides).await?);

        let rate = load::run_closed_loop(service, CLIENTS, effort.length, Arc::clone(&script)).await?.rate() / 4.0;
        let late = async |address, length| {
            anyhow::Ok(
                load::run_open_loop(address, CLIENTS, (rate, length), Late::Sent, Arc::clone(&script))
                    .await?
                    .millis(0.99),
            )
        };
        let latencies = compare(
            effort,
            async |length| late(anchor.address, length).await,
            async |length| late(service, length).await,
        )
        .await?;
        let what = format!("p99 at {rate:.0} requests/s, open loop, {neighbours} neighbours");
        let (bound, seen) = (Bound::AtMost(2.0, 1.5), (true, String::new()));
        outcomes.push(Outcome::new(&format!("{goal} p99"), (&what, bare), "ms", &latencies, bound, seen));
    }
    Ok(outcomes)
}

/// Replaces the copies in the database of recommendations by the people, posts and likes of a data set, and restarts
/// the service.
pub(crate) async fn seed(world: &mut World, likes: &[Like]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("likes");
    likes::write(&path, likes)?;
    let script = format!(
        "TRUNCATE users, posts, post_counts, likes;\n\
         CREATE TEMP TABLE seeds (user_id bigint, post_id bigint);\n\
         \\copy seeds FROM '{}'\n\
         INSERT INTO likes (user_id, post_id, version, deleted) SELECT user_id, post_id, 1, false FROM seeds;\n\
         INSERT INTO users (id, version, deleted, blocked, session_version, username, created_at)\n\
           SELECT id, 1, false, false, 0, 'user' || id, now() FROM (SELECT DISTINCT user_id AS id FROM seeds UNION SELECT 999999) AS people;\n\
         INSERT INTO posts (id, version, deleted, author_id, title, content, created_at, updated_at)\n\
           SELECT DISTINCT post_id, 1, false, 999999, 'A title of usual length', repeat('a word or two ', 28), now(), now() FROM seeds;\n\
         ANALYZE;\n",
        path.display()
    );
    run_sql(&world.database_of("recommendations")?, &script).await?;
    world.stack.restart("recommendations").await
}

/// Compares the engine with plain inverted lists on large data sets, and measures the memory that each like takes
/// (P17).
pub(crate) fn measure_large(effort: Effort) -> Result<Vec<Outcome>> {
    Ok(vec![
        compare_with_lists("P17-20M", ML_20M, effort, |times, bytes| {
            let (median, good) = (at_quantile(times, 0.5) / 1_000.0, bytes <= 24.0);
            (median <= 0.5 && good, format!("median {median:.2} ms, {bytes:.1} bytes a like"))
        })?,
        // The memory of the first data set is used again here, so the bytes of a like cannot be measured.
        compare_with_lists("P17-1M", SPARSE, effort, |times, _| {
            let late = at_quantile(times, 0.99) / 1_000.0;
            (late <= 0.5, format!("p99 {late:.3} ms"))
        })?,
    ])
}

/// Compares the engine with inverted lists on generated likes, after both have given the same answers. `judge` gets the
/// microseconds of each answer and the bytes that a like takes, and returns whether both are good enough, and a note
/// for the table.
fn compare_with_lists(
    goal: &str,
    shape: Shape,
    effort: Effort,
    judge: impl Fn(&[f64], f64) -> (bool, String),
) -> Result<Outcome> {
    let likes = likes::generate(shape, 1)?;
    let before = resident()?;
    let mut engine = Engine::new(&likes);
    let bytes = (resident()? - before) / likes.len() as f64;
    let mut lists = Inverted::new(&likes);
    // Both sides answer for the same people. If their answers differed, the two would not do the same work.
    engine.people.truncate(SAMPLE);
    for me in engine.people.iter().take(50) {
        let ours: Vec<i64> =
            engine.matrix.similar_people(&mut engine.scratch, *me, 3, None).iter().map(|one| one.user_id.0).collect();
        let theirs: Vec<i64> = lists.nearest(u32::try_from(me.0)?).iter().map(|(_, id)| i64::from(*id)).collect();
        ensure!(ours == theirs, "both ways differ for {me}: {ours:?}, {theirs:?}");
    }
    let mut compared = Compared::default();
    let mut times = Vec::new();
    for _ in 0..effort.rounds {
        let begun = Instant::now();
        let mut sum = 0.0;
        for me in &engine.people {
            sum += lists.nearest(u32::try_from(me.0)?).iter().map(|(cosine, _)| cosine).sum::<f64>();
        }
        // The test of the sum also keeps the compiler from leaving the work out.
        ensure!(sum > 0.0, "nobody is similar to anybody");
        compared.anchor.push(engine.people.len() as f64 / begun.elapsed().as_secs_f64());
        let ours = engine.time_similar_people(Duration::ZERO);
        compared.chatty.push(1e6 / mean(&ours));
        times.extend(ours);
    }
    let what =
        format!("the three most similar people, {} likes, {} people, {} posts", likes.len(), shape.people, shape.posts);
    let bound = if goal == "P17-20M" { Bound::AtLeast(6.0, 9.0) } else { Bound::AtLeast(0.9, 1.5) };
    let seen = judge(&times, bytes);
    Ok(Outcome::new(goal, (&what, "inverted lists in the same program"), "people/s", &compared, bound, seen))
}

/// Returns the resident memory of this process in bytes.
fn resident() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024.0)
}

/// Measures the quality of recommendations (P18): some likes are taken away, and the recommendations made from the
/// other likes should contain them.
pub(crate) fn measure_quality() -> Result<Vec<Outcome>> {
    let (likes, name) = movie_likes()?;
    let mut found: BTreeMap<&str, Vec<Quality>> = BTreeMap::new();
    let mut slower = Vec::new();
    for seed in 1..=SPLITS {
        let (known, taken) = likes::split(&likes, seed);
        let mut wanted: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (person, post) in taken {
            wanted.entry(person).or_default().insert(post);
        }
        let mut plain = Plain::new(&known);
        let mut engine = Engine::new(&known);
        let length = Duration::from_millis(500);
        // The better quality of many neighbours must not cost more than three times the time.
        slower.push(mean(&engine.time_recommendations(length, 100)) / mean(&engine.time_recommendations(length, 3)));
        let mut note = |ranking, quality| found.entry(ranking).or_default().push(quality);
        note("popularity", Quality::of(&wanted, |me| plain.popular(me)));
        note("prototype", Quality::of(&wanted, |me| plain.prototype(me)));
        note("3", Quality::of(&wanted, |me| engine.ranking(me, 3, Weighting::None)));
        note("100", Quality::of(&wanted, |me| engine.ranking(me, 100, Weighting::None)));
        note("idf", Quality::of(&wanted, |me| engine.ranking(me, 100, Weighting::Idf)));
    }
    let figures = |ranking: &str, figure: fn(&Quality) -> f64| -> Vec<f64> {
        found.get(ranking).map(|all| all.iter().map(figure).collect()).unwrap_or_default()
    };
    let recalls = |ranking| format!("recall@10 {:.3}", median(&figures(ranking, |quality| quality.recall)));
    let ndcg = |ranking| figures(ranking, |quality| quality.ndcg);
    let compared = |ranking| Compared { anchor: ndcg("prototype"), chatty: ndcg(ranking) };
    let what = |text: &str| format!("nDCG@5, {text}, {SPLITS} splits, {name}");
    let anchor = "the prototype's algorithm: 3 neighbours, ties as they come";
    let slower = median(&slower);
    let default = format!(
        "{}; popularity alone {:.3}; {slower:.1} times as long as 3 neighbours (at most 3)",
        recalls("100"),
        median(&ndcg("popularity"))
    );
    let row = |goal, text, ranking, bound, seen| {
        Outcome::new(goal, (&what(text), anchor), "", &compared(ranking), bound, seen)
    };
    Ok(vec![
        row("P18-3", "3 neighbours", "3", Bound::AtLeast(1.2, 1.27), (true, recalls("3"))),
        row("P18-100", "100 neighbours", "100", Bound::AtLeast(1.7, 1.9), (slower <= 3.0, default)),
        row("P18-idf", "100 neighbours, weighting=idf", "idf", Bound::AtLeast(1.7, 1.9), (true, recalls("idf"))),
    ])
}

/// The quality of rankings of posts.
#[derive(Clone, Copy, Debug)]
struct Quality {
    /// nDCG@5: the sum of 1 / log2(place + 1) of the wanted posts among the first five, divided by the same sum of the
    /// best possible ranking.
    ndcg: f64,
    /// recall@10: the share of the wanted posts that is among the first ten.
    recall: f64,
}

impl Quality {
    /// Returns the mean quality over all people in `wanted`, which holds the likes that were taken away from each
    /// person. `ranking` returns the posts that are recommended to a person, the best one first.
    fn of(wanted: &BTreeMap<u32, BTreeSet<u32>>, mut ranking: impl FnMut(u32) -> Vec<u32>) -> Self {
        let (mut ndcg, mut recall) = (0.0, 0.0);
        for (person, wanted) in wanted {
            let ranked = ranking(*person);
            // Places count from 0 here.
            let gain = |place: usize| 1.0 / ((place + 2) as f64).log2();
            let hits = ranked.iter().take(5).enumerate().filter(|(_, post)| wanted.contains(post));
            let best: f64 = (0..wanted.len().min(5)).map(gain).sum();
            ndcg += hits.map(|(place, _)| gain(place)).sum::<f64>() / best;
            recall += ranked.iter().take(10).filter(|post| wanted.contains(post)).count() as f64 / wanted.len() as f64;
        }
        let people = wanted.len() as f64;
        Self { ndcg: ndcg / people, recall: recall / people }
    }
}

impl Engine {
    /// Returns the first ten recommended posts of a person.
    fn ranking(&mut self, me: u32, neighbours: usize, weighting: Weighting) -> Vec<u32> {
        let me = UserId(i64::from(me));
        let found = self.matrix.recommend(&mut self.scratch, me, 10, neighbours, weighting).posts;
        found.into_iter().filter_map(|found| u32::try_from(found.post_id.0).ok()).collect()
    }
}

/// Simple rankings that the engine is compared with: popularity, and the prototype's algorithm.
struct Plain {
    lists: Inverted,
    rows: BTreeMap<u32, BTreeSet<u32>>,
    by_popularity: Vec<u32>,
}

impl Plain {
    fn new(likes: &[Like]) -> Self {
        let mut rows: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        for (person, post) in likes {
            rows.entry(*person).or_default().insert(*post);
            *counts.entry(*post).or_default() += 1;
        }
        let mut by_popularity: Vec<u32> = counts.keys().copied().collect();
        by_popularity.sort_by_key(|post| counts.get(post).map(|count| std::cmp::Reverse(*count)));
        Self { lists: Inverted::new(likes), rows, by_popularity }
    }

    fn liked(&self, me: u32, post: u32) -> bool {
        self.rows.get(&me).is_some_and(|row| row.contains(&post))
    }

    /// Returns the ten most liked posts that the person does not like yet.
    fn popular(&self, me: u32) -> Vec<u32> {
        self.by_popularity.iter().copied().filter(|post| !self.liked(me, *post)).take(10).collect()
    }

    /// Returns the first ten of the posts that the three most similar people like and the person does not, by the sum
    /// of the similarities. Posts with the same sum stay in the order of their ids, as nothing decides between them.
    fn prototype(&mut self, me: u32) -> Vec<u32> {
        let mut scores: BTreeMap<u32, f64> = BTreeMap::new();
        for (cosine, person) in self.lists.nearest(me) {
            for post in self.rows.get(&person).into_iter().flatten() {
                *scores.entry(*post).or_default() += cosine;
            }
        }
        let mut ranked: Vec<(u32, f64)> = scores.into_iter().filter(|(post, _)| !self.liked(me, *post)).collect();
        ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        ranked.into_iter().map(|(post, _)| post).take(10).collect()
    }
}
