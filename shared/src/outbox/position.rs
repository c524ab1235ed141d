//! Positions: a version of one aggregate of a stream, which a copy has reached or has not.

use std::fmt::{Display, Formatter};

use super::state::{Key, State};

/// The version of an aggregate of a stream. Its text has the form `stream/key@version`, such as `like/7/3@2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) stream: String,
    pub(crate) key: Key,
    pub(crate) version: i64,
}

impl Position {
    /// Returns the position of a state.
    pub(crate) fn of<S: State>(state: &S) -> Self {
        Self { stream: S::STREAM.to_owned(), key: state.key(), version: state.version() }
    }

    /// Reads a position. `None` when the text has another form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (place, version) = text.split_once('@')?;
        let (stream, key) = place.split_once('/')?;
        let is_name = |text: &str| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'.'));
        let ids: Vec<i64> = key.split('/').map(number).collect::<Option<_>>()?;
        let is_valid = !stream.is_empty() && stream.len() <= 64 && is_name(stream) && ids.len() <= 2;
        is_valid.then_some(Self { stream: stream.to_owned(), key: Key(ids), version: number(version)? })
    }
}

/// Reads a number as [`Display`] writes it.
fn number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| *number >= 0 && number.to_string() == text)
}

impl Display for Position {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}@{}", self.stream, self.key, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        for text in ["post/17@1", "like/7/3@12", "moderation.user/9007199254740991@9007199254740991"] {
            assert_eq!(Position::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "post",
            "post/1",
            "post@1",
            "/1@1",
            "post/@1",
            "post/1@",
            "post/1/2/3@1",
            "post/-1@1",
            "post/1@+1",
            "Post/1@1",
            "post/1@1@1",
            "post/99999999999999999999@1",
        ] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
    }
}
