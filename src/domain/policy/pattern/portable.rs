//! The common subset: what RE2 (Envoy, Traefik, Caddy) and PCRE (HAProxy, nginx) read as this service does, and in bounded time.

use regex_automata::dfa::onepass;
use regex_syntax::{
    ast::{
        self, AssertionKind, Ast, ClassSetBinaryOp, ClassSetItem, Flag, FlagsItemKind, GroupKind, HexLiteralKind, LiteralKind,
    },
    hir::{Hir, HirKind, Repetition},
};

use super::{MAX_COMPILED, MAX_REPEAT};
use crate::domain::Invalid;

/// Checks the syntax of a pattern. Linear in its length.
pub(super) fn check(text: &str, ast: &Ast) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(not_portable("an empty pattern is refused by some proxies: write {\"exact\": \"\"}"));
    }
    if let Some((at, other)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii()) {
        return Err(not_portable(&format!("proxies do not agree on {other:?}, at character {}: only ASCII is taken", at + 1)));
    }
    ast::visit(ast, Portable).map_err(|(span, what)| not_portable(&format!("{what}, at character {}", span.start.offset + 1)))
}

fn not_portable(detail: &str) -> Invalid {
    Invalid::new("regex_not_portable", detail)
}

struct Portable;

type Refused = (ast::Span, &'static str);

impl ast::Visitor for Portable {
    type Output = ();
    type Err = Refused;

    fn finish(self) -> Result<(), Refused> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Refused> {
        match ast {
            Ast::Flags(set) => flags(&set.flags),
            Ast::Group(group) => match &group.kind {
                GroupKind::NonCapturing(set) => flags(set),
                GroupKind::CaptureName { starts_with_p: false, .. } => {
                    Err((group.span, "not every proxy knows named groups without P: write (?P<name>…)"))
                }
                GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => Ok(()),
            },
            Ast::Literal(one) => literal(one),
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText
                | AssertionKind::WordBoundary
                | AssertionKind::NotWordBoundary => Ok(()),
                _ => Err((assertion.span, "proxies read \\<, \\> and \\b{…} in different ways: write \\b")),
            },
            Ast::ClassUnicode(class) => Err((class.span, "proxies do not agree on \\p{…}: name the characters")),
            Ast::Repetition(repetition) => match *repetition.ast {
                Ast::Repetition(_) => {
                    Err((repetition.op.span, "a repetition of a repetition means different things: put the inner one in (?:…)"))
                }
                Ast::Assertion(_) | Ast::Empty(_) | Ast::Flags(_) => Err((repetition.op.span, "nothing is repeated")),
                _ => Ok(()),
            },
            Ast::Empty(_) | Ast::Dot(_) | Ast::ClassPerl(_) | Ast::ClassBracketed(_) | Ast::Alternation(_) | Ast::Concat(_) => {
                Ok(())
            }
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Refused> {
        match item {
            ClassSetItem::Literal(one) => literal(one),
            ClassSetItem::Range(range) => literal(&range.start).and_then(|()| literal(&range.end)),
            ClassSetItem::Unicode(class) => Err((class.span, "proxies do not agree on \\p{…}: name the characters")),
            ClassSetItem::Bracketed(inner) => Err((inner.span, "proxies do not agree on a class within a class")),
            ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) | ClassSetItem::Perl(_) | ClassSetItem::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ClassSetBinaryOp) -> Result<(), Refused> {
        Err((op.span, "proxies do not agree on &&, -- and ~~ in a class: name the characters"))
    }
}

fn flags(set: &ast::Flags) -> Result<(), Refused> {
    for item in &set.items {
        match item.kind {
            FlagsItemKind::Negation
            | FlagsItemKind::Flag(Flag::CaseInsensitive | Flag::MultiLine | Flag::DotMatchesNewLine | Flag::SwapGreed) => {}
            FlagsItemKind::Flag(Flag::IgnoreWhitespace) => {
                return Err((item.span, "not every proxy knows the flag x: write the pattern without spaces and comments"));
            }
            FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF) => {
                return Err((item.span, "not every proxy knows the flags u and R: only i, m, s and U are taken"));
            }
        }
    }
    Ok(())
}

fn literal(one: &ast::Literal) -> Result<(), Refused> {
    let is_unicode = matches!(
        one.kind,
        LiteralKind::HexFixed(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong)
            | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong)
    );
    if is_unicode || !one.c.is_ascii() {
        return Err((one.span, "proxies do not agree on characters outside ASCII, nor on \\u"));
    }
    match one.kind {
        LiteralKind::Superfluous if one.c == '_' => Err((one.span, "not every proxy knows \\_: write _")),
        _ => Ok(()),
    }
}

/// Refuses what RE2 does not repeat so often, and what PCRE may try in exponentially many ways: a repetition of something that can be
/// read in more than one way, such as `(a+)+`. `outer` is how often the whole of it is repeated.
pub(super) fn check_repetitions(hir: &Hir, outer: u32) -> Result<(), Invalid> {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let most = outer.saturating_mul(repetition.max.unwrap_or(repetition.min).max(1));
            if most > MAX_REPEAT {
                let detail = format!("is repeated more than {MAX_REPEAT} times, those of repetitions within it multiplied");
                return Err(Invalid::new("regex_too_large", detail));
            }
            if repetition.max.is_none_or(|max| max > 1) && !is_one_way(repetition) {
                return Err(not_portable(
                    "repeats what can be read in more than one way, such as (a+)+: proxies may take for ever",
                ));
            }
            check_repetitions(&repetition.sub, most)
        }
        HirKind::Capture(group) => check_repetitions(&group.sub, outer),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().try_for_each(|part| check_repetitions(part, outer)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => Ok(()),
    }
}

/// Whether each next byte tells how a repetition goes on.
fn is_one_way(repetition: &Repetition) -> bool {
    if matches!(repetition.sub.kind(), HirKind::Class(_) | HirKind::Literal(_)) {
        return true;
    }
    let repeated = Hir::repetition(Repetition { min: 0, max: None, greedy: true, sub: repetition.sub.clone() });
    let config = onepass::Config::new().size_limit(Some(MAX_COMPILED));
    super::nfa(&repeated).is_ok_and(|nfa| onepass::Builder::new().configure(config).build_from_nfa(nfa).is_ok())
}
