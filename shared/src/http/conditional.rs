//! Conditional requests (RFC 9110, section 13) for resources that have an entity tag.
//!
//! Resources have no date of last change here, so `If-Modified-Since` and `If-Unmodified-Since` are ignored, as section
//! 13.1 asks of such a server. A condition is evaluated only when the request would be answered with a 2xx without it:
//! other answers take precedence (section 13.2.1).

use axum::http::{HeaderMap, HeaderName, Method, header};

/// The suffixes that proxies add to a tag when they encode the body.
const CODINGS: [&str; 4] = ["gzip", "br", "zstd", "deflate"];

/// The outcome of the conditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is executed.
    Go,
    /// The client has the current state already: 304.
    NotModified,
    /// The client expects another state: 412.
    Failed,
}

/// Evaluates the conditions of a request in the order of section 13.2.2. `is_current` returns whether a tag stands for
/// the current state; it gets the opaque part, without quotes, once as sent and once without the suffix of a proxy.
pub fn evaluate(method: &Method, headers: &HeaderMap, is_current: impl Fn(&str) -> bool) -> Verdict {
    if headers.contains_key(header::IF_MATCH)
        && !tags(headers, header::IF_MATCH).any(|tag| tag.matches(Comparison::Strong, &is_current))
    {
        return Verdict::Failed;
    }
    if headers.contains_key(header::IF_NONE_MATCH)
        && tags(headers, header::IF_NONE_MATCH).any(|tag| tag.matches(Comparison::Weak, &is_current))
    {
        return if is_read(method) { Verdict::NotModified } else { Verdict::Failed };
    }
    Verdict::Go
}

/// Returns whether a request has conditions at all.
pub fn has_conditions(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH)
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// Weak tags never match.
    Strong,
    /// Weak tags match as well.
    Weak,
}

/// A member of a list of tags. A member that is not a tag matches nothing, instead of making the request invalid.
#[derive(Debug, PartialEq, Eq)]
enum Tag<'a> {
    Any,
    One { weak: bool, opaque: &'a str },
    Nonsense,
}

impl Tag<'_> {
    fn matches(&self, comparison: Comparison, is_current: impl Fn(&str) -> bool) -> bool {
        match *self {
            Tag::Any => true,
            Tag::One { weak, opaque } => {
                (comparison == Comparison::Weak || !weak) && (is_current(opaque) || is_current(without_coding(opaque)))
            }
            Tag::Nonsense => false,
        }
    }
}

/// Removes the suffix of a proxy: returns `1.1` for `1.1-gzip` and for `1.1--gzip`.
fn without_coding(opaque: &str) -> &str {
    match opaque.rsplit_once('-') {
        Some((tag, coding)) if CODINGS.contains(&coding) => tag.strip_suffix('-').unwrap_or(tag),
        _ => opaque,
    }
}

/// Returns the tags in all lines of a header.
fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Tag<'_>> {
    headers.get_all(name).into_iter().flat_map(|line| Tags(str::from_utf8(line.as_bytes()).unwrap_or("?")))
}

/// An iterator over the tags of one line. It cannot just split at commas, because a tag may contain some.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let text = self.0.trim_start_matches([' ', '\t', ',']);
        if text.is_empty() {
            return None;
        }
        let (weak, quoted) = text.strip_prefix("W/").map_or((false, text), |quoted| (true, quoted));
        let (tag, rest) = match quoted.strip_prefix('"').and_then(|tag| tag.split_once('"')) {
            Some((opaque, rest)) => (Tag::One { weak, opaque }, rest),
            None => (Tag::Nonsense, text),
        };
        // Text between the end of a tag and the next comma makes the member invalid.
        let (beside, rest) = rest.split_once(',').unwrap_or((rest, ""));
        self.0 = rest;
        Some(match (tag, beside.trim()) {
            (tag @ Tag::One { .. }, "") => tag,
            (Tag::Nonsense, "*") => Tag::Any,
            _ => Tag::Nonsense,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: &Method, name: HeaderName, lines: &[&str]) -> Verdict {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, line.parse().unwrap());
        }
        evaluate(method, &headers, |opaque| opaque == "1.1")
    }

    #[test]
    fn if_match_compares_strongly_and_never_complains() {
        let verdict = |lines: &[&str]| verdict(&Method::PATCH, header::IF_MATCH, lines);
        let matching: [&[&str]; 9] = [
            &["\"1.1\""],
            &["*"],
            &["\"x\", \"1.1\""],
            &["\"x\"", "\"1.1\""],
            &["\"a,b\",\"1.1\""],
            &["W/\"1.1\", \"1.1\""],
            &[",, \"1.1\" ,"],
            &["\"1.1-gzip\""],
            &["nonsense, \"1.1\""],
        ];
        for lines in matching {
            assert_eq!(verdict(lines), Verdict::Go, "{lines:?}");
        }
        let others: [&[&str]; 10] = [
            &["W/\"1.1\""],
            &["\"x\""],
            &["\"\""],
            &[""],
            &["1.1"],
            &["nonsense"],
            &["\"1.1"],
            &["\"1.1\"x"],
            &["w/\"1.1\""],
            &["\"1.1-x\"", "\"x, 1.1\""],
        ];
        for lines in others {
            assert_eq!(verdict(lines), Verdict::Failed, "{lines:?}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly_and_knows_what_proxies_add() {
        let known: [&[&str]; 9] = [
            &["\"1.1\""],
            &["W/\"1.1\""],
            &["*"],
            &["\"x\", W/\"1.1\""],
            &["\"x\"", "\"1.1\""],
            &["\"1.1-gzip\""],
            &["W/\"1.1-br\""],
            &["\"1.1--gzip\""],
            &["\"1.1-zstd\""],
        ];
        for lines in known {
            assert_eq!(verdict(&Method::GET, header::IF_NONE_MATCH, lines), Verdict::NotModified, "{lines:?}");
            assert_eq!(verdict(&Method::HEAD, header::IF_NONE_MATCH, lines), Verdict::NotModified, "{lines:?}");
            assert_eq!(verdict(&Method::PATCH, header::IF_NONE_MATCH, lines), Verdict::Failed, "{lines:?}");
        }
        let unknown: [&[&str]; 5] = [&["\"1.2\""], &["1.1"], &[""], &["\"1.1-x\""], &["\"x,\"1.1\""]];
        for lines in unknown {
            assert_eq!(verdict(&Method::GET, header::IF_NONE_MATCH, lines), Verdict::Go, "{lines:?}");
        }
    }

    #[test]
    fn if_match_goes_first() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, "\"2.2\"".parse().unwrap());
        headers.insert(header::IF_NONE_MATCH, "\"1.1\"".parse().unwrap());
        assert_eq!(evaluate(&Method::GET, &headers, |opaque| opaque == "1.1"), Verdict::Failed);
        headers.insert(header::IF_MATCH, "\"1.1\"".parse().unwrap());
        assert_eq!(evaluate(&Method::GET, &headers, |opaque| opaque == "1.1"), Verdict::NotModified);
    }
}
