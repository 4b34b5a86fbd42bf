//! The portable subset of patterns.
//!
//! RE2 (Envoy, Traefik, Caddy) and PCRE (`HAProxy`, nginx) read it as this service does, and in
//! bounded time.

use regex_automata::dfa::onepass;
use regex_syntax::{
    ast::{
        self, AssertionKind, Ast, ClassSetBinaryOp, ClassSetItem, Flag, FlagsItemKind, GroupKind,
        HexLiteralKind, LiteralKind,
    },
    hir::{Hir, HirKind, Repetition},
};

use super::{MAX_COMPILED, MAX_REPEAT};
use crate::Invalid;

/// Checks the syntax of a pattern. The time is linear in its length.
pub(super) fn check(text: &str, ast: &Ast) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(not_portable(
            "an empty pattern is refused by some proxies: write {\"exact\": \"\"}",
        ));
    }
    if let Some((at, other)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii()) {
        return Err(not_portable(&format!(
            "proxies do not agree on {other:?}, at character {}: only ASCII is taken",
            at + 1
        )));
    }
    ast::visit(ast, Portable).map_err(|(span, what)| {
        not_portable(&format!("{what}, at character {}", span.start.offset + 1))
    })
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
                GroupKind::CaptureName {
                    starts_with_p: false,
                    ..
                } => Err((
                    group.span,
                    "not every proxy knows named groups without P: write (?P<name>…)",
                )),
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
                _ => Err((
                    assertion.span,
                    "proxies read \\<, \\> and \\b{…} in different ways: write \\b",
                )),
            },
            Ast::ClassUnicode(class) => Err((
                class.span,
                "proxies do not agree on \\p{…}: name the characters",
            )),
            Ast::Repetition(repetition) => match *repetition.ast {
                Ast::Repetition(_) => Err((
                    repetition.op.span,
                    "a repetition of a repetition means different things: put the inner one in (?:…)",
                )),
                Ast::Assertion(_) | Ast::Empty(_) | Ast::Flags(_) => {
                    Err((repetition.op.span, "the repetition has nothing to repeat"))
                }
                _ => Ok(()),
            },
            Ast::Empty(_)
            | Ast::Dot(_)
            | Ast::ClassPerl(_)
            | Ast::ClassBracketed(_)
            | Ast::Alternation(_)
            | Ast::Concat(_) => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Refused> {
        match item {
            ClassSetItem::Literal(one) => literal(one),
            ClassSetItem::Range(range) => literal(&range.start).and_then(|()| literal(&range.end)),
            ClassSetItem::Unicode(class) => Err((
                class.span,
                "proxies do not agree on \\p{…}: name the characters",
            )),
            ClassSetItem::Bracketed(inner) => {
                Err((inner.span, "proxies do not agree on a class within a class"))
            }
            ClassSetItem::Empty(_)
            | ClassSetItem::Ascii(_)
            | ClassSetItem::Perl(_)
            | ClassSetItem::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ClassSetBinaryOp) -> Result<(), Refused> {
        Err((
            op.span,
            "proxies do not agree on &&, -- and ~~ in a class: name the characters",
        ))
    }
}

fn flags(set: &ast::Flags) -> Result<(), Refused> {
    for item in &set.items {
        match item.kind {
            // RE2 does not know the flag x. The flag changes only how a pattern is written, not its
            // meaning: proxies get the pattern without spaces and comments.
            FlagsItemKind::Negation
            | FlagsItemKind::Flag(
                Flag::CaseInsensitive
                | Flag::MultiLine
                | Flag::DotMatchesNewLine
                | Flag::SwapGreed
                | Flag::IgnoreWhitespace,
            ) => {}
            FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF) => {
                return Err((
                    item.span,
                    "not every proxy knows the flags u and R: only i, m, s, x and U are taken",
                ));
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
        return Err((
            one.span,
            "proxies do not agree on characters outside ASCII, nor on \\u",
        ));
    }
    match one.kind {
        LiteralKind::Superfluous if one.c == '_' => {
            Err((one.span, "not every proxy knows \\_: write _"))
        }
        _ => Ok(()),
    }
}

/// Refuses more repetitions than RE2 allows, and repetitions that PCRE may try in exponentially
/// many ways: the repeated part can be read in more than one way, as in `(a+)+`.
pub(super) fn check_repetitions(hir: &Hir) -> Result<(), Invalid> {
    if most_repetitions(hir) > MAX_REPEAT {
        let detail = format!(
            "repeats more than {MAX_REPEAT} times, repetitions within repetitions multiplied"
        );
        return Err(Invalid::new("regex_too_large", detail));
    }
    check_ways(hir)
}

/// Returns the largest number of repetitions of any part. Nested repetitions are multiplied.
fn most_repetitions(hir: &Hir) -> u32 {
    let most_of = |parts: &[Hir]| parts.iter().map(most_repetitions).max().unwrap_or(1);
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            times.saturating_mul(most_repetitions(&repetition.sub))
        }
        HirKind::Capture(group) => most_repetitions(&group.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => most_of(parts),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => 1,
    }
}

fn check_ways(hir: &Hir) -> Result<(), Invalid> {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            if repetition.max.is_none_or(|max| max > 1) {
                check_one_way(repetition)?;
            }
            check_ways(&repetition.sub)
        }
        HirKind::Capture(group) => check_ways(&group.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().try_for_each(check_ways)
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => Ok(()),
    }
}

/// Checks that the next byte always decides how a repetition continues. Then there is one way to
/// read the text, and no backtracking.
fn check_one_way(repetition: &Repetition) -> Result<(), Invalid> {
    if matches!(
        repetition.sub.kind(),
        HirKind::Class(_) | HirKind::Literal(_)
    ) {
        return Ok(());
    }
    let repeated = Hir::repetition(Repetition {
        min: 0,
        max: None,
        greedy: true,
        sub: repetition.sub.clone(),
    });
    let nfa = super::nfa(&repeated)?;
    let config = onepass::Config::new().size_limit(Some(MAX_COMPILED));
    match onepass::Builder::new()
        .configure(config)
        .build_from_nfa(nfa)
    {
        Ok(_) => Ok(()),
        Err(_) => Err(not_portable(
            "repeats something ambiguous, such as (a+)+: some proxies may need exponential time",
        )),
    }
}
