//! Patterns and texts for PCRE, which `HAProxy` and nginx use.

use regex_syntax::{
    ast::{Ast, Flag, Flags, FlagsItemKind, GroupKind, parse::Parser, print::Printer},
    hir::Hir,
};

/// A rule's pattern for PCRE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The pattern, anchored at both ends.
    pub whole: String,
    /// Whether it matches the empty text.
    pub takes_empty: bool,
}

/// Returns a rule's pattern for PCRE, or why there is none. Groups capture nothing: nginx takes
/// named groups for variables of its own. Spaces and comments of patterns with the flag `x` are
/// gone, since PCRE ignores fewer of them.
pub(crate) fn pattern(text: &str) -> Result<Pattern, String> {
    let unreadable = |error: String| format!("the pattern {text:?} cannot be read: {error}");
    let mut ast = Parser::new()
        .parse(text)
        .map_err(|error| unreadable(error.kind().to_string()))?;
    let mut translator = regex_syntax::hir::translate::TranslatorBuilder::new()
        .unicode(false)
        .utf8(false)
        .build();
    let hir: Hir = translator
        .translate(text, &ast)
        .map_err(|error| unreadable(error.kind().to_string()))?;
    if !text.is_ascii() {
        return Err(format!("the pattern {text:?} is not ASCII"));
    }
    capture_nothing(&mut ast);
    let mut printed = String::new();
    Printer::new()
        .print(&ast, &mut printed)
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(Pattern {
        whole: format!("^(?:{printed})$"),
        takes_empty: hir.properties().minimum_len() == Some(0),
    })
}

fn capture_nothing(ast: &mut Ast) {
    match ast {
        Ast::Group(group) => {
            capture_nothing(&mut group.ast);
            match &mut group.kind {
                GroupKind::NonCapturing(flags) => without_x(flags),
                GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => {
                    group.kind = GroupKind::NonCapturing(Flags {
                        span: group.span,
                        items: Vec::new(),
                    });
                }
            }
        }
        Ast::Flags(set) => {
            without_x(&mut set.flags);
            if set.flags.items.is_empty() {
                *ast = Ast::empty(set.span);
            }
        }
        Ast::Repetition(repetition) => capture_nothing(&mut repetition.ast),
        Ast::Alternation(parts) => parts.asts.iter_mut().for_each(capture_nothing),
        Ast::Concat(parts) => parts.asts.iter_mut().for_each(capture_nothing),
        Ast::Empty(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => {}
    }
}

/// Removes the flag `x`, and a negation that has nothing left to negate.
fn without_x(flags: &mut Flags) {
    let is_x = |kind: &FlagsItemKind| *kind == FlagsItemKind::Flag(Flag::IgnoreWhitespace);
    flags.items.retain(|item| !is_x(&item.kind));
    if flags
        .items
        .last()
        .is_some_and(|item| item.kind == FlagsItemKind::Negation)
    {
        flags.items.pop();
    }
}

/// Returns a pattern that matches a text and nothing else. No quote, backquote, `$` or `;` is left
/// in it as it is.
pub(crate) fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '/' | '=' | ' ' | ':' | ',' => {
                pattern.push(c);
            }
            _ if c.is_ascii() => pattern.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ => pattern.push(c),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> String {
        pattern(text).unwrap().whole
    }

    #[test]
    fn groups_capture_nothing() {
        assert_eq!(whole("(a|b)c"), "^(?:(?:a|b)c)$");
        assert_eq!(whole("(?P<host>a)+"), "^(?:(?:a)+)$");
        assert_eq!(whole("(?i:a)(?-i)b"), "^(?:(?i:a)(?-i)b)$");
    }

    #[test]
    fn spaces_and_comments_of_the_flag_x_are_gone() {
        assert_eq!(whole("(?x) a b # c\n [d e]"), "^(?:ab[de])$");
        assert_eq!(whole(r"(?ix) a\ \# "), r"^(?:(?i)a\ \#)$");
        assert_eq!(whole("(?x: a (?-x) b c)"), "^(?:(?:a b c))$");
    }

    #[test]
    fn empty_text_is_seen_to_match() {
        assert!(pattern("a*").unwrap().takes_empty);
        assert!(!pattern("a+").unwrap().takes_empty);
    }

    #[test]
    fn literal_text_means_itself() {
        assert_eq!(literal("a.b$'\""), r"a\x2eb\x24\x27\x22");
    }
}
