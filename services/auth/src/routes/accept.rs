//! Content negotiation by the `Accept` header (RFC 9110, section 12.5.1): an HTML page or JSON.

use axum::http::{HeaderMap, header};
use mediatype::names::{_STAR, APPLICATION, CHARSET, HTML, JSON, Q, TEXT};
use mediatype::{MediaType, MediaTypeList, Name, ReadParams};

/// The media type of pages.
const PAGE: (Name<'_>, Name<'_>) = (TEXT, HTML);
/// The media type of data.
const DATA: (Name<'_>, Name<'_>) = (APPLICATION, JSON);

/// A media range of the header, with its weight.
struct Range<'a> {
    /// Type and subtype; `*` stands for any.
    kind: (Name<'a>, Name<'a>),
    /// The weight in thousandths: from 0, which refuses the range, to 1 000.
    weight: u16,
}

/// The media ranges of all `Accept` lines of a request. Without such a line, the client accepts everything. Ranges that
/// cannot be parsed are ignored.
pub(super) struct Accepted<'a> {
    ranges: Vec<Range<'a>>,
}

impl<'a> Accepted<'a> {
    /// Reads the header.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let mut ranges: Vec<Range<'_>> = lines.flat_map(MediaTypeList::new).flatten().filter_map(Range::of).collect();
        if ranges.is_empty() {
            ranges.push(Range { kind: (_STAR, _STAR), weight: 1_000 });
        }
        Self { ranges }
    }

    /// True when the client prefers a page to data. A client without a preference, as most programs are, gets data.
    pub(super) fn prefers_page(&self) -> bool {
        self.weight_of(PAGE) > self.weight_of(DATA)
    }

    /// True when the client explicitly refuses a page. A client that merely does not name pages may get one: the
    /// standard allows a server to answer with another form than the client asked for.
    pub(super) fn refuses_page(&self) -> bool {
        self.find_weight(PAGE).is_some_and(|weight| weight == 0)
    }

    /// True when the client names data and nothing else. `*/*` names nothing, and a refused range is not wanted.
    pub(super) fn names_only_data(&self) -> bool {
        let mut named = self.ranges.iter().filter(|range| range.weight > 0 && range.kind.0 != _STAR).peekable();
        named.peek().is_some() && named.all(|range| range.kind == DATA)
    }

    /// Returns the weight of a media type; 0 when no range fits.
    fn weight_of(&self, offer: (Name<'_>, Name<'_>)) -> u16 {
        self.find_weight(offer).unwrap_or_default()
    }

    /// Returns the weight that the most specific range gives to a media type. `None` when no range fits.
    fn find_weight(&self, (kind, form): (Name<'_>, Name<'_>)) -> Option<u16> {
        [(kind, form), (kind, _STAR), (_STAR, _STAR)].into_iter().find_map(|wanted| {
            let said = self.ranges.iter().filter(|range| range.kind == wanted);
            said.map(|range| range.weight).max()
        })
    }
}

impl<'a> Range<'a> {
    /// Reads a range. A range with parameters asks for a variant that is not offered, so it fits nothing. The charset
    /// is an exception, because everything is sent in UTF-8.
    fn of(range: MediaType<'a>) -> Option<Self> {
        // A weight that cannot be parsed counts as 1, because the name of the type is valid all the same.
        let weight = range.get_param(Q).and_then(|value| parse_weight(value.as_str())).unwrap_or(1_000);
        let plain = range.params().all(|(name, _)| name == Q || name == CHARSET);
        let subty = if plain && range.suffix.is_none() { range.subty } else { Name::new("x")? };
        Some(Self { kind: (range.ty, subty), weight })
    }
}

/// Parses a weight into thousandths. `None` when the text is not a number from 0 to 1.
fn parse_weight(text: &str) -> Option<u16> {
    let value: f32 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1 000")]
    (0.0..=1.0).contains(&value).then(|| (value * 1_000.0).round() as u16)
}
