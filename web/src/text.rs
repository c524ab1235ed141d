//! The words of the pages, in three languages. They stand in the folder `text`, a file for each language in the format
//! Fluent, which knows the plural forms of each language.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_langneg::{NegotiationStrategy, negotiate_languages, parse_accepted_languages};
use unic_langid::LanguageIdentifier;

/// The languages: code, name in the language itself, words.
const LANGUAGES: [(&str, &str, &str); 3] = [
    ("en", "English", include_str!("../text/en.ftl")),
    ("de", "Deutsch", include_str!("../text/de.ftl")),
    ("ru", "Русский", include_str!("../text/ru.ftl")),
];

/// All languages. The first one is for those who ask for none of them.
pub(crate) struct Languages(Vec<Language>);

/// A language with its words. Clones share them.
#[derive(Clone)]
pub(crate) struct Language(Arc<Words>);

struct Words {
    code: &'static str,
    name: &'static str,
    id: LanguageIdentifier,
    bundle: FluentBundle<FluentResource>,
}

impl Languages {
    /// Reads the words of all languages. A file with a mistake has as many of its words as can be read; a test finds the
    /// mistake.
    pub(crate) fn load() -> Self {
        Self(LANGUAGES.iter().map(|(code, name, text)| Language::load(code, name, text)).collect())
    }

    /// Finds the language that a visitor has chosen, or else the one that the browser asks for.
    pub(crate) fn choose(&self, chosen: Option<&str>, headers: &HeaderMap) -> Language {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let wanted = match chosen {
            Some(code) => vec![code.parse().unwrap_or_default()],
            None => parse_accepted_languages(accepted),
        };
        let ids: Vec<&LanguageIdentifier> = self.0.iter().map(|language| &language.0.id).collect();
        let found = negotiate_languages(&wanted, &ids, None, NegotiationStrategy::Lookup);
        let found = found.first().and_then(|id| self.0.iter().find(|language| language.0.id == ***id));
        found.or(self.0.first()).cloned().unwrap_or_else(|| Language::load("en", "English", ""))
    }

    /// Lists the languages: code, name in the language itself.
    pub(crate) fn list(&self) -> Vec<(&'static str, &'static str)> {
        self.0.iter().map(|language| (language.0.code, language.0.name)).collect()
    }
}

impl Language {
    fn load(code: &'static str, name: &'static str, text: &str) -> Self {
        let id: LanguageIdentifier = code.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![id.clone()]);
        // Pages mark the direction of names by elements, so no invisible signs are needed around them.
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(readable, _mistakes)| readable);
        let _known_twice = bundle.add_resource(resource);
        Self(Arc::new(Words { code, name, id, bundle }))
    }

    /// Returns the language's code, such as `de`.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// Says a message. A message that does not exist is a defect, which development finds; visitors see its key.
    pub(crate) fn say<'a>(&'a self, key: &'a str) -> Cow<'a, str> {
        let found = self.format(key, None);
        debug_assert!(found.is_some(), "no language has the message {key}");
        found.unwrap_or(Cow::Borrowed(key))
    }

    /// Says a message if it exists.
    pub(crate) fn try_say<'a>(&'a self, key: &'a str) -> Option<Cow<'a, str>> {
        self.format(key, None)
    }

    /// Says a message with the number `$count`.
    pub(crate) fn count(&self, key: &str, count: i64) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("count", count);
        self.format_owned(key, &arguments)
    }

    /// Says a message with the name `$name`.
    pub(crate) fn about(&self, key: &str, name: &str) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("name", name);
        self.format_owned(key, &arguments)
    }

    /// Says a message with the name `$name` and the number `$count`.
    pub(crate) fn about_count(&self, key: &str, name: &str, count: i64) -> String {
        let mut arguments = FluentArgs::new();
        arguments.set("name", name);
        arguments.set("count", count);
        self.format_owned(key, &arguments)
    }

    fn format_owned(&self, key: &str, arguments: &FluentArgs<'_>) -> String {
        let found = self.format(key, Some(arguments));
        debug_assert!(found.is_some(), "no language has the message {key}");
        found.map_or_else(|| key.to_owned(), Cow::into_owned)
    }

    fn format<'a>(&'a self, key: &str, arguments: Option<&'a FluentArgs<'_>>) -> Option<Cow<'a, str>> {
        let pattern = self.0.bundle.get_message(key)?.value()?;
        Some(self.0.bundle.format_pattern(pattern, arguments, &mut Vec::new()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// English, for the tests of views.
    pub(crate) fn english() -> Language {
        Languages::load().choose(Some("en"), &HeaderMap::new())
    }

    /// The keys of a file, read without Fluent.
    fn keys(text: &str) -> BTreeSet<&str> {
        let heads = text.lines().filter(|line| line.starts_with(|sign: char| sign.is_ascii_lowercase()));
        heads.filter_map(|line| line.split_once(" =")).map(|(key, _)| key.trim()).collect()
    }

    /// The keys that a source names as the first argument of one of the functions that say something.
    fn named_keys(source: &str) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for function in ["say(", "count(", "about(", "about_count(", "notice("] {
            for (place, _) in source.match_indices(function) {
                let rest = source.get(place + function.len()..).unwrap_or_default().trim_start();
                let literal = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
                let key = literal.map(|(key, _)| key).filter(|key| key.contains('-'));
                named.extend(key.map(str::to_owned));
            }
        }
        named
    }

    fn sources(folder: &std::path::Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else {
                into.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn each_language_has_the_same_words_and_no_mistake() {
        let (_, _, english) = LANGUAGES[0];
        for (code, _, text) in LANGUAGES {
            let read = FluentResource::try_new(text.to_owned());
            assert!(read.is_ok(), "{code}: {:?}", read.err().map(|(_, mistakes)| mistakes));
            // The API says its problems in English, so only the others have words for them.
            let difference = keys(english).symmetric_difference(&keys(text)).copied().collect::<BTreeSet<_>>();
            let difference: Vec<_> = difference.iter().filter(|key| !key.starts_with("problem-")).collect();
            assert!(difference.is_empty(), "{code} differs in {difference:?}");
        }
        let problems =
            LANGUAGES.map(|(_, _, text)| keys(text).iter().filter(|key| key.starts_with("problem-")).count());
        assert_eq!(problems, [0, problems[1], problems[1]]);
        let is_known =
            |key: &str| key.strip_prefix("problem-").is_none_or(|code| shared::problems::find(code).is_some());
        assert!(keys(LANGUAGES[1].2).iter().chain(&keys(LANGUAGES[2].2)).all(|key| is_known(key)));
    }

    #[test]
    fn each_word_that_is_said_exists_and_each_word_is_said() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut text = String::new();
        sources(&root.join("templates"), &mut text);
        sources(&root.join("src"), &mut text);
        let exists = keys(LANGUAGES[0].2);
        let missing: Vec<_> = named_keys(&text).into_iter().filter(|key| !exists.contains(&**key)).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        // Some keys are made of two parts, of which the first one ends with a dash.
        let is_made = |key: &str| {
            let ends = key.match_indices('-').map(|(place, _)| place + 1);
            ends.into_iter().any(|end| text.contains(&format!("\"{}{{", &key[..end])))
        };
        let unused: Vec<_> =
            exists.iter().filter(|key| !text.contains(&format!("\"{key}\"")) && !is_made(key)).collect();
        assert!(unused.is_empty(), "unused: {unused:?}");
    }

    #[test]
    fn the_language_is_chosen_or_negotiated() {
        let languages = Languages::load();
        let with = |accepted: &str| HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, accepted.parse().unwrap())]);
        for (chosen, accepted, expected) in [
            (None, "de-AT,de;q=0.9,en;q=0.5", "de"),
            (None, "fr, ru;q=0.3", "ru"),
            (None, "fr", "en"),
            (None, "", "en"),
            (None, ";;;q=x", "en"),
            (Some("ru"), "de", "ru"),
            (Some("xx"), "de", "en"),
        ] {
            assert_eq!(languages.choose(chosen, &with(accepted)).code(), expected, "{chosen:?} {accepted}");
        }
    }

    #[test]
    fn numbers_have_the_plural_forms_of_each_language() {
        let languages = Languages::load();
        let say = |code, count| languages.choose(Some(code), &HeaderMap::new()).count("moment-minutes", count);
        assert_eq!((say("en", 1), say("en", 2)), ("1 minute ago".to_owned(), "2 minutes ago".to_owned()));
        let russian: BTreeSet<String> =
            [1, 2, 5].map(|n| say("ru", n).replace(|c: char| c.is_ascii_digit(), "")).into();
        assert_eq!(russian.len(), 3, "{russian:?}");
    }
}
