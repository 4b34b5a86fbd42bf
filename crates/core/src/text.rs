//! Texts for people (reasons, descriptions, values of labels): the characters that they may have.
//!
//! A text must show its whole content. So it has no control characters (Unicode `Cc`), no
//! formatting characters (`Cf`: directions, zero width, tags, byte order mark, soft hyphen), no
//! line and paragraph separators, no private use and no noncharacters, and no other character that
//! Unicode lets a reader ignore (`Default_Ignorable_Code_Point`). This is the `FreeformClass` of
//! RFC 8264 without its ban on characters that are assigned later, which show as a box. Two kinds
//! are accepted where scripts and emoji need them: a joiner between two letters or symbols beyond
//! ASCII, and one variation selector after the character that it varies.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory, NoncharacterCodePoint, VariationSelector},
};

use super::Invalid;

const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Accepts text of at most `max` bytes without hidden characters, and refuses all other text. The
/// error names the character and its place.
pub fn plain_text(raw: &str, max: usize, what: &str) -> Result<(), Invalid> {
    if raw.len() > max {
        return Err(Invalid::new(
            "too_long",
            format!("{what} may have at most {max} bytes"),
        ));
    }
    let mut before = None;
    let mut rest = raw.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let after = rest.peek().map(|(_, c)| *c);
        if c.is_control() {
            return Err(Invalid::new(
                "control_character",
                format!("{what} has the control character {} at byte {at}", name(c)),
            ));
        }
        if !(c.is_ascii() || is_seen(c) || is_needed(c, before, after)) {
            let detail = format!(
                "{what} has the character {} at byte {at}, which is invisible",
                name(c)
            );
            return Err(Invalid::new("invisible_character", detail));
        }
        before = Some(c);
    }
    Ok(())
}

/// Returns a text that was written by a program, at most `max` bytes of it, as people may be shown it: ends of lines
/// and tabs are spaces, and other characters that [`plain_text`] refuses are U+FFFD.
pub(crate) fn shown(raw: &str, max: usize) -> String {
    let mut text = String::with_capacity(raw.len().min(max));
    let (mut before, mut rest) = (None, raw.chars().peekable());
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        let is_plain =
            !c.is_control() && (c.is_ascii() || is_seen(c) || is_needed(c, before, after));
        let seen = match c {
            '\n' | '\r' | '\t' => ' ',
            c if is_plain => c,
            _ => char::REPLACEMENT_CHARACTER,
        };
        if text.len() + seen.len_utf8() > max {
            break;
        }
        text.push(seen);
        before = Some(c);
    }
    text
}

/// The code point as Unicode writes it.
pub(crate) fn name(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn varies(c: char) -> bool {
    CodePointSetData::new::<VariationSelector>().contains(c)
}

/// Whether every reader sees the character, or the space that it takes, in the same way.
fn is_seen(c: char) -> bool {
    use GeneralCategory as G;
    let is_hidden = matches!(
        category(c),
        G::Control
            | G::Format
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::PrivateUse
            | G::Surrogate
    );
    !is_hidden
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        && !CodePointSetData::new::<NoncharacterCodePoint>().contains(c)
}

/// Whether the character, itself invisible, changes how its neighbours look.
fn is_needed(c: char, before: Option<char>, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    if JOINERS.contains(&c) {
        return (is_joined(before) || varies(before)) && after.is_some_and(is_joined);
    }
    varies(c) && is_varied(before)
}

/// Whether the character may be joined: letters, marks and symbols of other scripts, and emoji.
/// ASCII is never joined.
fn is_joined(c: char) -> bool {
    use GeneralCategory as G;
    let is_part = matches!(
        category(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::NonspacingMark
            | G::SpacingMark
            | G::EnclosingMark
            | G::OtherSymbol
            | G::MathSymbol
            | G::ModifierSymbol
    );
    is_part && !c.is_ascii() && is_seen(c)
}

/// Whether a variation selector may follow the character: any visible character beyond ASCII that
/// is not a space, and the ASCII characters of emoji for keys.
fn is_varied(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_digit() || matches!(c, '#' | '*')
    } else {
        is_seen(c) && !c.is_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(raw: &str) -> Option<&'static str> {
        plain_text(raw, 1024, "it")
            .err()
            .map(|invalid| invalid.code)
    }

    #[test]
    fn text_of_a_program_is_shown_without_hidden_characters() {
        let text = shown("line 1:\n\u{1b}[31mno\u{202e} \u{200b}ä\u{1f600}", 100);
        assert_eq!(text, "line 1: \u{fffd}[31mno\u{fffd} \u{fffd}ä\u{1f600}");
        assert_eq!(shown("ääää", 5), "ää");
        assert!(plain_text(&text, 1024, "it").is_ok());
    }

    #[test]
    fn text_length_is_limited_in_bytes() {
        let code = |raw: &str| plain_text(raw, 4, "it").err().map(|invalid| invalid.code);
        assert_eq!((code(""), code("abcd"), code("äö")), (None, None, None));
        assert_eq!(
            (code("abcde"), code("äöü"), code("a\nb")),
            (
                Some("too_long"),
                Some("too_long"),
                Some("control_character")
            )
        );
    }

    #[test]
    fn text_error_names_the_character_and_its_position() {
        let detail = plain_text("ä\u{202e}b", 9, "reason").unwrap_err().detail;
        assert_eq!(
            detail,
            "reason has the character U+202E at byte 2, which is invisible"
        );
        let detail = plain_text("a\u{7}", 9, "reason").unwrap_err().detail;
        assert_eq!(detail, "reason has the control character U+0007 at byte 1");
    }

    /// Tests every code point: alone, within a word, and at the end after a space.
    #[test]
    fn every_character_is_visible_or_refused_in_any_position() {
        for c in '\0'..=char::MAX {
            let places = [format!("{c}"), format!("a{c}b"), format!("a {c}")];
            let expected = match category(c) {
                GeneralCategory::Control => Some("control_character"),
                _ if is_seen(c) => None,
                _ => Some("invisible_character"),
            };
            for place in places {
                assert_eq!(code(&place), expected, "{}: {place:?}", name(c));
            }
        }
    }

    #[test]
    fn every_kind_of_invisible_character_is_refused() {
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{600}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2064}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3164}',
            '\u{e000}',
            '\u{fdd0}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffe}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
            '\u{e0100}',
            '\u{f0000}',
            '\u{10ffff}',
        ] {
            assert_eq!(
                code(&format!("a{c}b")),
                Some("invisible_character"),
                "{}",
                name(c)
            );
        }
    }

    #[test]
    fn natural_text_in_many_scripts_is_accepted() {
        for text in [
            "Größe 5 – «шляпа» 日本語 ไทย",
            "e\u{301}",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
            "👨\u{200d}👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "👩🏽\u{200d}🚀 done",
            "1\u{fe0f}\u{20e3}",
            "葛\u{e0100}",
            "a\u{a0}b\u{3000}c",
        ] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn joiners_and_selectors_are_refused_where_not_needed() {
        for text in [
            "می\u{200c}",
            "\u{200d}ی",
            "a\u{200d}ی",
            "ی\u{200c}a",
            "ی\u{200c}\u{200c}ی",
            "❤\u{fe0f}\u{fe0f}",
            " \u{fe0f}",
        ] {
            assert_eq!(code(text), Some("invisible_character"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn accepted_text_has_no_hidden_characters(raw in "\\PC{0,40}|(?s).{0,40}") {
            if plain_text(&raw, 4096, "it").is_ok() {
                let is_plain = |c: char| c.is_ascii() || is_seen(c) || JOINERS.contains(&c) || varies(c);
                prop_assert!(raw.chars().all(is_plain) && !raw.chars().any(char::is_control));
            }
        }

        #[test]
        fn text_error_position_points_to_the_character(raw in "(?s).{0,40}") {
            if let Err(invalid) = plain_text(&raw, 4096, "it") {
                let at = invalid.detail.split("at byte ").nth(1).unwrap().split(',').next().unwrap();
                let c = raw[at.parse().unwrap()..].chars().next().unwrap();
                prop_assert!(invalid.detail.contains(&format!("character {} at", name(c))), "{}", invalid.detail);
            }
        }
    }
}
