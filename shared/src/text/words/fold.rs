//! The characters by which texts are compared, and what each of them is in a word.

use icu_properties::props::{EnumeratedProperty, GeneralCategory, GeneralCategoryGroup, LineBreak, Script};
use icu_properties::script::ScriptWithExtensions;
use unicode_normalization::UnicodeNormalization;

use crate::text::is_ignorable;

/// Apostrophes that count as letters in Unicode. The same words are written with plain ones: `Hawaiʻi`, `Hawai'i`.
const APOSTROPHES: [char; 2] = ['\u{2bb}', '\u{2bc}'];

/// The line that stretches an Arabic word. It counts as a letter in Unicode, too.
const TATWEEL: char = '\u{640}';

/// The categories of accents. Spacing marks are none, because they are vowels and consonants.
const ACCENT_CATEGORIES: [GeneralCategory; 2] = [GeneralCategory::NonspacingMark, GeneralCategory::EnclosingMark];

/// The scripts whose marks are accents. Marks that several scripts share, such as `¨` and the vowel signs of Arabic,
/// inherit theirs from the letter.
const ACCENT_SCRIPTS: [Script; 8] = [
    Script::Arabic,
    Script::Common,
    Script::Cyrillic,
    Script::Greek,
    Script::Hebrew,
    Script::Inherited,
    Script::Latin,
    Script::Syriac,
];

/// The scripts in which each pair of neighbouring characters is a word.
const PAIRED_SCRIPTS: [Script; 4] = [Script::Han, Script::Hangul, Script::Hiragana, Script::Katakana];

/// The marks of kana that make another letter of one. They are in no script of their own, like accents.
const VOICING_MARKS: [char; 2] = ['\u{3099}', '\u{309a}'];

/// Returns the characters by which a text is compared.
///
/// Each character is folded alone, and to upper case in between, where the variants of a letter become equal: the sigma
/// at the end of a word, the German sharp s, the Turkish dotless i. Accents go before that, because some letters have
/// an upper case of several letters only while they bear one.
pub(super) fn fold(text: &str) -> impl Iterator<Item = char> {
    let bare = text.nfkd().filter(|c| !is_left_out(*c));
    let folded = bare.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    folded.flat_map(plain_letters).nfc()
}

/// Returns true for characters without which a text is compared: invisible ones, accents, and the tatweel.
fn is_left_out(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    let is_accent = ACCENT_CATEGORIES.contains(&GeneralCategory::for_char(c))
        && ACCENT_SCRIPTS.contains(&Script::for_char(c))
        && !VOICING_MARKS.contains(&c);
    c == TATWEEL || is_ignorable(c) || is_accent
}

/// Returns the plain letters of a Latin letter which readers take for an accented one, although Unicode does not
/// decompose it. They are those of the Latin-ASCII transform of CLDR.
fn plain_letters(c: char) -> impl Iterator<Item = char> {
    let (letter, second) = match c {
        'ł' => ('l', None),
        'ø' => ('o', None),
        'đ' | 'ð' => ('d', None),
        'ħ' => ('h', None),
        'ŧ' => ('t', None),
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        _ => (c, None),
    };
    std::iter::once(letter).chain(second)
}

/// What a character is in a word.
pub(super) enum Kind {
    /// A letter or digit of a script that separates words.
    Letter,
    /// A letter or digit of a script that does not.
    Spaceless,
    Mark,
    Separator,
}

/// Returns what a character is in a word.
pub(super) fn kind(c: char) -> Kind {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Kind::Letter } else { Kind::Separator };
    }
    let category = GeneralCategory::for_char(c);
    if GeneralCategoryGroup::Mark.contains(category) {
        Kind::Mark
    } else if !GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Number).contains(category)
        || APOSTROPHES.contains(&c)
    {
        Kind::Separator
    } else if is_spaceless(c) {
        Kind::Spaceless
    } else {
        Kind::Letter
    }
}

/// Returns true for a letter of a script whose words cannot be told by spaces. Script extensions cover letters that
/// several of them share, such as the long vowel of kana.
fn is_spaceless(c: char) -> bool {
    let scripts = ScriptWithExtensions::new().get_script_extensions_val(c);
    LineBreak::for_char(c) == LineBreak::ComplexContext || PAIRED_SCRIPTS.iter().any(|script| scripts.contains(script))
}
