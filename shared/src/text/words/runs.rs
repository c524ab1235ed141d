//! Runs: the longest parts of a text in which all characters belong to one word, or to one row of characters without
//! spaces.

use super::fold::{Kind, fold, kind};

/// The most characters of a word. The rest of a longer one is ignored, where it is stored and where it is asked for.
pub const MAX_WORD: usize = 64;

/// The longest possible part of a text in which every character is a letter, a digit or their mark, and of one kind.
pub(super) enum Run {
    /// A word of a script that separates words.
    Word(String),
    /// The characters of a script that does not, each with its marks.
    Characters(Vec<String>),
}

impl Run {
    /// Returns the words by which a text with this run is found.
    pub(super) fn into_stored_words(self) -> Vec<String> {
        match self {
            Self::Word(word) => vec![shorten(word)],
            Self::Characters(characters) => {
                let pairs = pairs(&characters);
                characters.into_iter().map(shorten).chain(pairs).collect()
            }
        }
    }

    /// Returns the words by which a query finds this run: the pairs alone, if there are any, because they imply their
    /// characters.
    pub(super) fn into_asked_words(self) -> Vec<String> {
        match self {
            Self::Characters(characters) if characters.len() > 1 => pairs(&characters),
            run => run.into_stored_words(),
        }
    }

    /// Returns the run as one word.
    pub(super) fn into_whole(self) -> String {
        match self {
            Self::Word(word) => word,
            Self::Characters(characters) => characters.concat(),
        }
    }
}

fn pairs(characters: &[String]) -> Vec<String> {
    characters.windows(2).map(|pair| shorten(pair.concat())).collect()
}

/// Cuts a word after its first [`MAX_WORD`] characters.
pub(super) fn shorten(mut word: String) -> String {
    if let Some((end, _)) = word.char_indices().nth(MAX_WORD) {
        word.truncate(end);
    }
    word
}

/// Cuts a text into runs.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    // The run that the next character may continue.
    let mut open: Option<Run> = None;
    for c in fold(text) {
        open = match (kind(c), open.take()) {
            (Kind::Letter, Some(Run::Word(mut word))) => {
                word.push(c);
                Some(Run::Word(word))
            }
            (Kind::Spaceless, Some(Run::Characters(mut characters))) => {
                characters.push(c.into());
                Some(Run::Characters(characters))
            }
            // A mark without a letter before it is no word, and begins none.
            (Kind::Mark, open) => open.map(|run| with_mark(run, c)),
            (kind, closed) => {
                runs.extend(closed);
                match kind {
                    Kind::Letter => Some(Run::Word(c.into())),
                    Kind::Spaceless => Some(Run::Characters(vec![c.into()])),
                    Kind::Mark | Kind::Separator => None,
                }
            }
        };
    }
    runs.extend(open);
    runs
}

fn with_mark(mut run: Run, mark: char) -> Run {
    match &mut run {
        Run::Word(word) => word.push(mark),
        Run::Characters(characters) => {
            if let Some(character) = characters.last_mut() {
                character.push(mark);
            }
        }
    }
    run
}
