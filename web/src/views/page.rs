//! The frame of every page: its visitor, its words, and its place among the others.

use std::borrow::Cow;
use std::sync::Arc;

use crate::text::Language;

/// The frame of a page.
pub(crate) struct Page {
    /// The language of the words.
    pub(crate) language: Language,
    /// The path of the page, with its query.
    pub(crate) path: String,
    /// The title in the tab.
    pub(crate) title: String,
    /// The visitor; absent if nobody is signed in.
    pub(crate) me: Option<Me>,
    /// Messages: about the action that led here, and about parts that are missing.
    pub(crate) notices: Vec<Notice>,
    /// The choice of colours: `auto`, `light` or `dark`.
    pub(crate) theme: &'static str,
    /// The beginning of the paths of styles and modules, with the hash of all of them: `/assets/1f0c…`.
    pub(crate) assets: Arc<str>,
    /// The beginning of the addresses of this site, without a slash at the end.
    pub(crate) site: String,
    /// The address of the page in the web, for what is shared; `None` for pages that are one's own.
    pub(crate) canonical: Option<String>,
    /// The description for machines that show links.
    pub(crate) description: Option<String>,
    /// The address of a picture for machines that show links.
    pub(crate) image: Option<String>,
    /// The path of a feed without its ending `.atom` or `.json`.
    pub(crate) feed: Option<String>,
    /// The calls of the API that made the page, in their order, such as `GET /feed?limit=20`.
    pub(crate) calls: Vec<String>,
}

/// The visitor who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    /// The id.
    pub(crate) id: u64,
    /// The name without the sign `@`.
    pub(crate) username: String,
    /// True for an admin.
    pub(crate) admin: bool,
    /// The number of notifications that are not read yet; 0 if it is not known.
    pub(crate) unread: u64,
}

impl Me {
    /// Returns the path of the visitor's profile.
    pub(crate) fn path(&self) -> String {
        format!("/@{}", self.username)
    }

    /// Returns the path of the visitor's picture.
    pub(crate) fn avatar_url(&self) -> String {
        format!("/users/{}/avatar", self.id)
    }
}

/// A message at the top of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The sentence.
    pub(crate) sentence: String,
    /// True if it is about a failure.
    pub(crate) failed: bool,
}

impl Page {
    /// Says a message in the language of the page.
    pub(crate) fn say<'a>(&'a self, key: &'a str) -> Cow<'a, str> {
        self.language.say(key)
    }

    /// Says a message with a number, in the plural form that fits.
    pub(crate) fn count(&self, key: &str, count: impl Into<Count>) -> String {
        self.language.count(key, count.into().0)
    }

    /// Says a message about a name, which is `$name` in it.
    pub(crate) fn about(&self, key: &str, name: &str) -> String {
        self.language.about(key, name)
    }

    /// Says the reason of a report.
    pub(crate) fn reason(&self, reason: &str) -> String {
        self.language.say(&format!("report-reason-{reason}")).into_owned()
    }

    /// Says a kind of notifications.
    pub(crate) fn kind(&self, kind: &str) -> String {
        self.language.say(&format!("settings-kind-{kind}")).into_owned()
    }

    /// Returns the language's code, for the attribute `lang`.
    pub(crate) fn lang(&self) -> &'static str {
        self.language.code()
    }

    /// Writes a call of the API as a command for a terminal.
    pub(crate) fn curl(&self, call: &str) -> String {
        let (method, path) = call.split_once(' ').unwrap_or(("GET", call));
        let method = if method == "GET" { String::new() } else { format!("-X {method} ") };
        let token = if self.me.is_some() { " -H \"Authorization: Bearer $TOKEN\"" } else { "" };
        format!("curl {method}'{}{path}'{token}", self.site)
    }

    /// Returns whether the page stands in this part of the site, for the navigation.
    pub(crate) fn is_in(&self, path: &str) -> bool {
        let own = self.path.split('?').next().unwrap_or_default();
        own == path || (path != "/" && own.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// A number of things, from any type of number that views have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(i64);

impl From<u64> for Count {
    fn from(count: u64) -> Self {
        Self(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<&u64> for Count {
    fn from(count: &u64) -> Self {
        Self::from(*count)
    }
}

impl From<usize> for Count {
    fn from(count: usize) -> Self {
        Self(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// A form that somebody has sent, shown again because it was refused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// The sentence about the refusal; absent while nothing was refused.
    pub(crate) error: Option<String>,
    /// The fields that were typed, except passwords, and what is wrong with them.
    pub(crate) fields: Vec<Field>,
    /// The key that makes a form count once, however often it is sent.
    pub(crate) key: String,
}

/// A field of a form.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The name in the form.
    pub(crate) name: &'static str,
    /// The text that was typed.
    pub(crate) value: String,
    /// The rule that it breaks.
    pub(crate) error: Option<String>,
}

impl Form {
    /// Returns what was typed into a field; empty if nothing was.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.field(name).map_or("", |field| &field.value)
    }

    /// Returns what is wrong with a field.
    pub(crate) fn error_of(&self, name: &str) -> Option<&str> {
        self.field(name).and_then(|field| field.error.as_deref())
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
