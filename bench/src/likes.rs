//! Data sets of likes: generated from a seed in the shape of well-known data sets, or read from a file.
//!
//! The files of MovieLens may not be passed on, so the benchmark generates likes unless it gets such a file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use rand::distr::weighted::WeightedIndex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A person and a post that the person likes, each numbered from 1.
pub(crate) type Like = (u32, u32);

/// The size of a data set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) people: u32,
    pub(crate) posts: u32,
    pub(crate) likes: usize,
    /// The smallest number of likes of a person.
    least: usize,
}

/// The shape of MovieLens 100K.
pub(crate) const ML_100K: Shape = Shape { people: 943, posts: 1_682, likes: 100_000, least: 20 };
/// The shape of MovieLens 1M.
pub(crate) const ML_1M: Shape = Shape { people: 6_040, posts: 3_706, likes: 1_000_000, least: 20 };
/// A million likes that are spread over many people and many posts.
pub(crate) const SPARSE: Shape = Shape { people: 100_000, posts: 50_000, likes: 1_000_000, least: 1 };
/// The shape of MovieLens 20M.
pub(crate) const ML_20M: Shape = Shape { people: 138_000, posts: 27_000, likes: 20_000_000, least: 20 };

/// The number of tastes. Each post belongs to one of them, and each person has three.
const TASTES: u32 = 18;
/// The share of a person's likes that follow the person's tastes. The others follow popularity alone.
const LOYALTY: f64 = 0.75;

/// Generates likes of this shape. People differ in activity (a lognormal distribution) and in taste, and posts differ
/// in popularity (Zipf's law). The seed alone decides the result.
pub(crate) fn generate(shape: Shape, seed: u64) -> Result<Vec<Like>> {
    let mut random = StdRng::seed_from_u64(seed);
    let popularity = |rank: u32| 1.0 / (f64::from(rank) + 20.0).powf(0.9);
    let everything = WeightedIndex::new((0..shape.posts).map(popularity))?;
    let taste = |taste: u32| WeightedIndex::new((taste..shape.posts).step_by(TASTES as usize).map(popularity));
    let tastes = (0..TASTES).map(taste).collect::<Result<Vec<_>, _>>()?;
    let activity: Vec<f64> = (0..shape.people).map(|_| bell(&mut random).exp()).collect();
    // Scaled so that the likes of all people together, with the smallest number for each, are as many as wanted.
    let scale = (shape.likes as f64 - shape.least as f64 * f64::from(shape.people)) / activity.iter().sum::<f64>();
    let mut likes = Vec::with_capacity(shape.likes);
    for (person, activity) in (1..).zip(activity) {
        // Nobody likes more than a third of all posts, or there would be nothing left to recommend.
        let wanted = (shape.least + (activity * scale).round() as usize).min(shape.posts as usize / 3);
        let own_tastes = [0; 3].map(|_: u32| random.random_range(0..TASTES));
        let mut liked = BTreeSet::new();
        // Popular posts are drawn again and again, so the number of tries is limited.
        for _ in 0..20 * wanted {
            if liked.len() == wanted {
                break;
            }
            let post = if random.random_bool(LOYALTY) {
                let taste = own_tastes.get(random.random_range(0..own_tastes.len())).copied().unwrap_or_default();
                let of_taste = tastes.get(taste as usize).context("a taste")?;
                taste + TASTES * random.sample(of_taste) as u32
            } else {
                random.sample(&everything) as u32
            };
            liked.insert(1 + post);
        }
        likes.extend(liked.into_iter().map(|post| (person, post)));
    }
    Ok(likes)
}

/// Returns a random number that is about normally distributed: the sum of twelve uniform ones, minus 6.
fn bell(random: &mut StdRng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// Reads likes from a file such as u.data of MovieLens: person, post and more on each line, separated by white space.
/// Each rating counts as a like, however low.
pub(crate) fn read(path: &Path) -> Result<Vec<Like>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let line = |line: &str| -> Result<Like> {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let mut next = || numbers.next().context("person and post on each line")?.context("not a number");
        Ok((next()?, next()?))
    };
    text.lines().map(line).collect()
}

/// Writes likes to a file that [`read`] and the anchors can read.
pub(crate) fn write(path: &Path, likes: &[Like]) -> Result<()> {
    let mut text = String::new();
    for (person, post) in likes {
        writeln!(text, "{person}\t{post}")?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// Splits likes by chance. Returns about four fifths of them, which are to be learned from, and the other fifth, which
/// is to be found again.
pub(crate) fn split(likes: &[Like], seed: u64) -> (Vec<Like>, Vec<Like>) {
    let mut random = StdRng::seed_from_u64(seed);
    likes.iter().partition(|_| random.random_bool(0.8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likes_have_the_shape_that_is_asked_for_and_depend_on_the_seed_alone() {
        let likes = generate(ML_100K, 1).unwrap();
        assert!((90_000..110_000).contains(&likes.len()), "{}", likes.len());
        assert_eq!(likes.iter().collect::<BTreeSet<_>>().len(), likes.len());
        assert!(likes.iter().all(|(person, post)| (1..=943).contains(person) && (1..=1_682).contains(post)));
        assert_eq!(likes, generate(ML_100K, 1).unwrap());
        assert_ne!(likes, generate(ML_100K, 2).unwrap());
        let (kept, taken) = split(&likes, 1);
        assert_eq!(kept.len() + taken.len(), likes.len());
        assert!((15_000..25_000).contains(&taken.len()));
    }

    #[test]
    fn a_file_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u.data");
        write(&path, &[(1, 2), (3, 4)]).unwrap();
        assert_eq!(read(&path).unwrap(), [(1, 2), (3, 4)]);
        std::fs::write(&path, "196\t242\t3\t881250949\n").unwrap();
        assert_eq!(read(&path).unwrap(), [(196, 242)]);
        std::fs::write(&path, "196\n").unwrap();
        assert!(read(&path).is_err());
    }
}
