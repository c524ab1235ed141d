//! A feed as Atom (RFC 4287).

use atom_syndication::{Category, Content, Entry, Feed as Document, FixedDateTime, Link, Person, Text};

use super::{Feed, FeedAuthor, FeedItem, FeedPicture};

/// The media type of Atom.
pub(crate) const MEDIA_TYPE: &str = "application/atom+xml";

impl Feed {
    /// Writes the feed as an Atom document. An empty feed was never updated, which Atom has no word for: it gets the
    /// beginning of the Unix epoch.
    pub(crate) fn to_atom(&self) -> Vec<u8> {
        let document = Document {
            title: Text::plain(writable(&self.title)),
            id: self.atom_url.clone(),
            updated: self.items.iter().map(|item| item.updated_at).max().map(FixedDateTime::from).unwrap_or_default(),
            authors: self.author.iter().map(FeedAuthor::to_atom).collect(),
            links: vec![
                link("self", MEDIA_TYPE, &self.atom_url),
                link("alternate", "application/json", &self.list_url),
                link("alternate", super::json::MEDIA_TYPE, &self.json_url),
            ],
            entries: self.items.iter().map(FeedItem::to_atom).collect(),
            ..Document::default()
        };
        document.to_string().into_bytes()
    }
}

impl FeedItem {
    fn to_atom(&self) -> Entry {
        let mut links = vec![link("alternate", "application/json", &self.url)];
        links.extend(self.pictures.iter().map(FeedPicture::to_atom));
        let category = |tag: &String| Category { term: writable(tag), ..Category::default() };
        Entry {
            title: Text::plain(writable(&self.title)),
            id: self.url.clone(),
            updated: self.updated_at.into(),
            published: Some(self.created_at.into()),
            authors: vec![self.author.to_atom()],
            categories: self.tags.iter().map(category).collect(),
            links,
            content: Some(Content {
                content_type: Some("html".to_owned()),
                value: Some(html(&writable(&self.content))),
                ..Content::default()
            }),
            ..Entry::default()
        }
    }
}

impl FeedAuthor {
    fn to_atom(&self) -> Person {
        Person { name: writable(&self.name), uri: Some(self.url.clone()), ..Person::default() }
    }
}

impl FeedPicture {
    fn to_atom(&self) -> Link {
        Link { title: self.alt.clone(), ..link("enclosure", self.media_type, &self.url) }
    }
}

fn link(rel: &str, media_type: &str, url: &str) -> Link {
    Link {
        href: url.to_owned(),
        rel: rel.to_owned(),
        mime_type: Some(media_type.to_owned()),
        hreflang: None,
        title: None,
        length: None,
    }
}

/// Writes a text as HTML that shows exactly this text. A reader may collapse the line breaks of plain text (RFC 4287,
/// section 4.1.3.3), but not those of HTML.
fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' => html.push_str("<br>\n"),
            other => html.push(other),
        }
    }
    html
}

/// Replaces the characters that no XML document may contain, not even escaped (XML 1.0, section 2.2). Posts may contain
/// some of them, such as U+FFFF.
fn writable(text: &str) -> String {
    let is_writable = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_writable(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_html_that_shows_it() {
        assert_eq!(html("a <b> & \"c\"\n'd'"), "a &lt;b&gt; &amp; &quot;c&quot;<br>\n&#39;d&#39;");
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(writable("a\u{0}b\u{fffe}c\u{ffff}d\u{b}"), "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}");
        let held = "tab\tline\nemoji 😀 \u{10ffff}\u{1fffe} é 東";
        assert_eq!(writable(held), held);
    }
}
