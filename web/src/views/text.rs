//! Texts of people, cut into words, mentions, hashtags and links.

use crate::api::{Entity, EntityKind, encode};

/// A part of a text. Templates escape each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Words, with line breaks.
    Words(String),
    /// A person's name with the sign `@`, and the address of the profile.
    Mention(String, String),
    /// A hashtag with its sign, and the address of its page.
    Tag(String, String),
    /// An address on the web, as it is written.
    Link(String),
}

/// Cuts a text at its entities, which the API has found, and at the addresses of the web in it.
pub(crate) fn pieces(text: &str, entities: &[Entity]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for entity in entities {
        // The offsets come from outside this process, so they are not trusted to be borders of characters in order.
        let (Some(before), Some(found)) =
            (text.get(end..entity.byte_start), text.get(entity.byte_start..entity.byte_end))
        else {
            continue;
        };
        cut_links(before, &mut pieces);
        let name = entity.text.trim_start_matches(['@', '#', '\u{ff20}', '\u{ff03}']);
        let name = encode(name);
        pieces.push(match entity.kind {
            EntityKind::Mention => Piece::Mention(found.to_owned(), format!("/@{name}")),
            EntityKind::Hashtag => Piece::Tag(found.to_owned(), format!("/t/{name}")),
        });
        end = entity.byte_end;
    }
    cut_links(text.get(end..).unwrap_or_default(), &mut pieces);
    pieces
}

/// Cuts a text without entities at the addresses in it.
fn cut_links(text: &str, pieces: &mut Vec<Piece>) {
    let finder = linkify::LinkFinder::new();
    for span in finder.spans(text) {
        let part = span.as_str().to_owned();
        let is_link = span.kind() == Some(&linkify::LinkKind::Url)
            && (part.starts_with("https://") || part.starts_with("http://"));
        pieces.push(if is_link { Piece::Link(part) } else { Piece::Words(part) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(kind: EntityKind, text: &str, byte_start: usize, byte_end: usize) -> Entity {
        Entity { kind, text: text.to_owned(), byte_start, byte_end }
    }

    #[test]
    fn a_text_is_cut_at_names_tags_and_addresses() {
        let text = "ö @ann: see https://example.org/a?b=1, #Käse <b>";
        let start = text.find("@ann").unwrap();
        let tag = text.find("#Käse").unwrap();
        let found = [
            entity(EntityKind::Mention, "ann", start, start + 4),
            entity(EntityKind::Hashtag, "Käse", tag, tag + "#Käse".len()),
        ];
        assert_eq!(
            pieces(text, &found),
            [
                Piece::Words("ö ".to_owned()),
                Piece::Mention("@ann".to_owned(), "/@ann".to_owned()),
                Piece::Words(": see ".to_owned()),
                Piece::Link("https://example.org/a?b=1".to_owned()),
                Piece::Words(", ".to_owned()),
                Piece::Tag("#Käse".to_owned(), "/t/K%C3%A4se".to_owned()),
                Piece::Words(" <b>".to_owned()),
            ]
        );
    }

    #[test]
    fn wrong_offsets_lose_no_word() {
        let found = [entity(EntityKind::Mention, "ann", 1, 3), entity(EntityKind::Mention, "ann", 90, 94)];
        assert_eq!(pieces("ö javascript:alert(1)", &found), [Piece::Words("ö javascript:alert(1)".to_owned())]);
    }
}
