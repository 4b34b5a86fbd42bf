//! Patterns of rules: stored as text, checked when they are written, and compiled when a request
//! has to be matched.
//!
//! A compiled pattern is a deterministic automaton of bounded size. It reads each byte of a value
//! once, whatever the pattern. Matching allocates no memory, and the size of the automaton is
//! known. New patterns use the syntax that Envoy, `HAProxy`, nginx, Caddy and Traefik understand
//! alike (`portable`); `\d`, `\s`, `\w` and `\b` are ASCII. Stored patterns may be older than these
//! rules: see [`Patterns::of`].
//!
//! Rejected alternatives: a check of the compiled size alone (RE2 reads some accepted patterns in
//! another way, and PCRE takes exponential time for some), and matching with a lazily built
//! automaton (its memory grows with the values that callers choose).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use regex_automata::{
    Anchored, Input,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson::{self, NFA, WhichCaptures},
};
use regex_syntax::{
    ast::{self, Ast},
    hir::{self, Hir, Look, translate::TranslatorBuilder},
};

use super::Rule;
use crate::Invalid;

mod plain;
mod portable;

/// The most patterns of one policy.
pub const MAX_PATTERNS: usize = 64;
/// The most patterns in all policies of a tenant.
pub const MAX_PATTERNS_OF_TENANT: u32 = 1024;
/// The most memory that one compiled pattern may take, in bytes.
pub const MAX_COMPILED: usize = 64 * 1024;
/// The most memory that all patterns of one policy may take, in bytes.
pub const MAX_COMPILED_OF_POLICY: usize = 256 * 1024;
/// The longest value that a pattern is matched against, in bytes. A longer value matches no
/// pattern.
pub const MAX_MATCHED: usize = 4096;
/// The most repetitions of a part, which is RE2's limit. The counts of nested repetitions are
/// multiplied.
const MAX_REPEAT: u32 = 1000;
/// The deepest nesting of groups and repetitions.
const MAX_NESTING: u32 = 32;
/// The number of errors after which a check ends: a refused pattern may cost more time than the
/// largest accepted one.
const MAX_ERRORS: usize = 8;

/// Returns the patterns of rules, with the JSON pointer of each, relative to the policy.
fn texts(rules: &[Rule]) -> impl Iterator<Item = (String, &str)> {
    rules.iter().enumerate().flat_map(|(at, rule)| {
        let named = move |(pointer, text)| (format!("/rules/{at}{pointer}"), text);
        rule.matching.patterns().map(named)
    })
}

/// Returns the number of patterns in the rules.
pub fn count(rules: &[Rule]) -> u32 {
    let patterns = rules.iter().flat_map(|rule| rule.matching.patterns());
    u32::try_from(patterns.count()).unwrap_or(u32::MAX)
}

/// Checks the patterns of one new policy: each pattern alone, their number, and their total size.
/// Compiles them, which may take milliseconds each: never call it on a thread that serves requests.
/// Each error has the JSON pointer of its member.
pub fn check(rules: &[Rule]) -> Vec<(String, Invalid)> {
    let texts: Vec<_> = texts(rules).collect();
    if texts.len() > MAX_PATTERNS {
        let detail = format!(
            "a policy may have at most {MAX_PATTERNS} patterns, this one has {}",
            texts.len()
        );
        return vec![(
            "/rules".to_owned(),
            Invalid::new("too_many_patterns", detail),
        )];
    }
    let (mut known, mut sum, mut errors) = (HashSet::new(), 0, Vec::new());
    for (pointer, text) in texts {
        if !known.insert(text) {
            continue;
        }
        match Pattern::checked(text) {
            Ok(pattern) => sum += pattern.size(),
            Err(invalid) => errors.push((pointer, invalid)),
        }
        if sum > MAX_COMPILED_OF_POLICY {
            let detail = format!(
                "the patterns of a policy may take at most {MAX_COMPILED_OF_POLICY} bytes compiled, these take more"
            );
            errors.push((
                "/rules".to_owned(),
                Invalid::new("patterns_too_large", detail),
            ));
            break;
        }
        if errors.len() == MAX_ERRORS {
            break;
        }
    }
    errors
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern(dense::DFA<Vec<u32>>);

impl Pattern {
    /// Compiles a new pattern, or returns why it is invalid.
    pub fn checked(text: &str) -> Result<Self, Invalid> {
        let ast = parsed(text)?;
        portable::check(text, &ast)?;
        let hir = translated(text, &ast, false)?;
        portable::check_repetitions(&hir)?;
        compiled(hir)
    }

    /// Compiles a stored pattern, even if it would be refused as a new one. Syntax outside the
    /// portable subset keeps its old meaning. The size limit is that of a new pattern.
    fn stored(text: &str) -> Result<Self, Invalid> {
        let ast = parsed(text)?;
        let is_unicode = portable::check(text, &ast).is_err();
        compiled(translated(text, &ast, is_unicode)?)
    }

    /// Returns whether the pattern matches the whole value.
    pub fn takes(&self, value: &str) -> bool {
        let input = Input::new(value.as_bytes())
            .anchored(Anchored::Yes)
            .earliest(true);
        value.len() <= MAX_MATCHED && matches!(self.0.try_search_fwd(&input), Ok(Some(_)))
    }

    /// Returns how many bytes the pattern takes in memory.
    pub fn size(&self) -> usize {
        self.0.memory_usage() + size_of::<Self>()
    }
}

/// Returns the text of a pattern as proxies get it: without the flag `x` and without the spaces and
/// comments that it allows. An error is a stored pattern that proxies would not read as this
/// service does. Compiles nothing.
pub fn for_proxies(text: &str) -> Result<String, Invalid> {
    let ast = parsed(text)?;
    portable::check(text, &ast)?;
    portable::check_repetitions(&translated(text, &ast, false)?)?;
    Ok(plain::text(text, ast))
}

fn parsed(text: &str) -> Result<Ast, Invalid> {
    let parsed = ast::parse::ParserBuilder::new()
        .nest_limit(MAX_NESTING)
        .build()
        .parse(text);
    parsed.map_err(|error| wrong(text, error.span(), error.kind()))
}

fn translated(text: &str, ast: &Ast, is_unicode: bool) -> Result<Hir, Invalid> {
    let mut translator = TranslatorBuilder::new()
        .unicode(is_unicode)
        .utf8(is_unicode)
        .build();
    translator
        .translate(text, ast)
        .map_err(|error: hir::Error| wrong(text, error.span(), error.kind()))
}

/// Returns the library's error message, with the column of the error.
fn wrong(text: &str, span: &ast::Span, reason: impl std::fmt::Display) -> Invalid {
    let column = text
        .get(..span.start.offset)
        .map_or(0, |before| before.chars().count())
        + 1;
    Invalid::new(
        "not_a_regex",
        format!("is not a pattern: {reason}, at character {column}"),
    )
}

/// Compiles a pattern that must match the whole value. The anchors at both ends are added to the
/// syntax tree, not to the text.
fn compiled(hir: Hir) -> Result<Pattern, Invalid> {
    let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
    let nfa = nfa(&whole)?;
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .unicode_word_boundary(true)
        .dfa_size_limit(Some(MAX_COMPILED))
        .determinize_size_limit(Some(4 * MAX_COMPILED));
    let dfa = dense::Builder::new()
        .configure(config)
        .build_from_nfa(&nfa)
        .map_err(|_| too_large())?;
    Ok(Pattern(dfa))
}

fn too_large() -> Invalid {
    Invalid::new(
        "regex_too_large",
        format!("takes more than {MAX_COMPILED} bytes compiled: repeat less"),
    )
}

fn nfa(hir: &Hir) -> Result<NFA, Invalid> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(4 * MAX_COMPILED));
    thompson::Compiler::new()
        .configure(config)
        .build_from_hir(hir)
        .map_err(|_| too_large())
}

/// The compiled patterns of one policy.
#[derive(Debug, Default)]
pub struct Patterns {
    /// The patterns of each rule, in the order of [`super::Matching::patterns`]. `None` is a pattern that cannot be
    /// compiled and matches nothing.
    rules: Vec<Vec<Option<Arc<Pattern>>>>,
    size: usize,
    unusable: Vec<String>,
}

impl Patterns {
    /// Compiles the patterns of a stored policy. Patterns that any earlier release accepted are
    /// accepted, but the memory is bounded: a pattern that cannot be compiled within today's limits
    /// matches nothing. Once the patterns have used four times [`MAX_COMPILED_OF_POLICY`], all
    /// further ones match nothing too. May take milliseconds for each pattern: never call it on a
    /// thread that serves requests.
    pub fn of(rules: &[Rule]) -> Self {
        let (mut made, mut known, mut spent) = (Self::default(), HashMap::new(), 0);
        for rule in rules {
            let mut of_rule = Vec::new();
            for (pointer, text) in texts(std::slice::from_ref(rule)) {
                let compile = || {
                    let pattern = (spent < 4 * MAX_COMPILED_OF_POLICY)
                        .then(|| Pattern::stored(text).ok())
                        .flatten()
                        .map(Arc::new);
                    spent += pattern
                        .as_ref()
                        .map_or(MAX_COMPILED, |pattern| pattern.size());
                    made.size += pattern.as_ref().map_or(0, |pattern| pattern.size());
                    pattern
                };
                let pattern = known.entry(text).or_insert_with(compile).clone();
                if pattern.is_none() {
                    made.unusable
                        .push(pointer.replacen("/rules/0", &rule.name, 1));
                }
                of_rule.push(pattern);
            }
            made.rules.push(of_rule);
        }
        made
    }

    /// Returns the patterns of one rule, in the order of [`super::Matching::patterns`].
    pub fn of_rule(&self, at: usize) -> &[Option<Arc<Pattern>>] {
        self.rules.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns how many bytes the patterns take in memory.
    pub fn size(&self) -> usize {
        self.size
            + self
                .rules
                .iter()
                .map(|rule| size_of_val(rule) + size_of_val(rule.as_slice()))
                .sum::<usize>()
    }

    /// Returns the places of the patterns that match nothing: the name of the rule, and the place
    /// in it.
    pub fn unusable(&self) -> &[String] {
        &self.unusable
    }
}

#[cfg(test)]
mod tests;
