//! Content negotiation by the `Accept` field (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};
use mediatype::names::{_STAR, APPLICATION, CHARSET, HTML, JSON, Q, TEXT};
use mediatype::{MediaType, MediaTypeList, Name, ReadParams};

/// The two forms that are offered.
const PAGE: (Name<'_>, Name<'_>) = (TEXT, HTML);
const DATA: (Name<'_>, Name<'_>) = (APPLICATION, JSON);

/// A form that a client names, and how much it wants it: 0 (not at all) to 1 000.
struct Range<'a> {
    kind: (Name<'a>, Name<'a>),
    quality: u16,
}

/// All that a client says it takes, whatever lines it comes in. An absent field takes everything; what cannot be read is
/// passed over.
pub(super) struct Accepted<'a> {
    ranges: Vec<Range<'a>>,
}

impl<'a> Accepted<'a> {
    /// Reads the field.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let mut ranges: Vec<Range<'_>> = lines.flat_map(MediaTypeList::new).flatten().filter_map(Range::of).collect();
        if ranges.is_empty() {
            ranges.push(Range { kind: (_STAR, _STAR), quality: 1_000 });
        }
        Self { ranges }
    }

    /// Whether a page is wanted rather than data. Programs that say nothing get data.
    pub(super) fn prefers_page(&self) -> bool {
        self.quality(PAGE) > self.quality(DATA)
    }

    /// Whether a page may be sent at all: only an explicit refusal says no, because the standard lets a server answer
    /// with what was not asked for.
    pub(super) fn refuses_page(&self) -> bool {
        self.best(PAGE).is_some_and(|quality| quality == 0)
    }

    /// Whether data is named, and nothing else is. `*/*` names nothing, and what is refused is not wanted.
    pub(super) fn names_only_data(&self) -> bool {
        let mut named = self.ranges.iter().filter(|range| range.quality > 0 && range.kind.0 != _STAR).peekable();
        named.peek().is_some() && named.all(|range| range.kind == DATA)
    }

    fn quality(&self, offer: (Name<'_>, Name<'_>)) -> u16 {
        self.best(offer).unwrap_or_default()
    }

    /// The quality that the most specific range gives to a form.
    fn best(&self, (kind, form): (Name<'_>, Name<'_>)) -> Option<u16> {
        [(kind, form), (kind, _STAR), (_STAR, _STAR)].into_iter().find_map(|wanted| {
            let said = self.ranges.iter().filter(|range| range.kind == wanted);
            said.map(|range| range.quality).max()
        })
    }
}

impl<'a> Range<'a> {
    /// A range with parameters of its own is for a form that nobody offers; the charset is the one of all that is sent.
    fn of(range: MediaType<'a>) -> Option<Self> {
        // A weight that cannot be read is passed over; the form is named all the same.
        let quality = range.get_param(Q).and_then(|value| quality(value.as_str())).unwrap_or(1_000);
        let plain = range.params().all(|(name, _)| name == Q || name == CHARSET);
        let subty = if plain && range.suffix.is_none() { range.subty } else { Name::new("x")? };
        Some(Self { kind: (range.ty, subty), quality })
    }
}

/// Thousandths; `None` for what is no weight.
fn quality(text: &str) -> Option<u16> {
    let value: f32 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1 000")]
    (0.0..=1.0).contains(&value).then(|| (value * 1_000.0).round() as u16)
}
