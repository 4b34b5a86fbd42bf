//! Patterns as proxies get them: RE2 does not know the flag `x`, so what it allows is taken out.

use regex_syntax::ast::{Ast, Flag, Flags, FlagsItem, FlagsItemKind, GroupKind, print::Printer};

/// Returns the text of a pattern without the flag `x` and without the spaces and comments that it
/// allows. The syntax tree has neither of the two. A text without the flag stays as it is.
pub(super) fn text(text: &str, mut ast: Ast) -> String {
    let mut printed = String::new();
    if remove(&mut ast) && Printer::new().print(&ast, &mut printed).is_ok() {
        printed
    } else {
        text.to_owned()
    }
}

/// Removes the flag everywhere and returns whether it was there. The depth of the tree is bounded
/// by the parser.
fn remove(ast: &mut Ast) -> bool {
    match ast {
        Ast::Flags(set) => {
            let was_there = remove_from(&mut set.flags);
            if set.flags.items.is_empty() {
                *ast = Ast::empty(set.span);
            }
            was_there
        }
        Ast::Group(group) => {
            let was_there = match &mut group.kind {
                GroupKind::NonCapturing(flags) => remove_from(flags),
                GroupKind::CaptureIndex(_) | GroupKind::CaptureName { .. } => false,
            };
            remove(&mut group.ast) || was_there
        }
        Ast::Repetition(repetition) => remove(&mut repetition.ast),
        Ast::Alternation(of) => remove_from_all(&mut of.asts),
        Ast::Concat(of) => remove_from_all(&mut of.asts),
        Ast::Empty(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => false,
    }
}

/// Removes the flag from all parts: the first that has it is not the last.
fn remove_from_all(parts: &mut [Ast]) -> bool {
    let mut was_there = false;
    for part in parts {
        was_there |= remove(part);
    }
    was_there
}

fn remove_from(flags: &mut Flags) -> bool {
    let before = flags.items.len();
    let is_x = |item: &FlagsItem| item.kind == FlagsItemKind::Flag(Flag::IgnoreWhitespace);
    flags.items.retain(|item| !is_x(item));
    let was_there = flags.items.len() != before;
    // `(?-)` is not a pattern.
    if flags
        .items
        .last()
        .is_some_and(|last| last.kind.is_negation())
    {
        flags.items.pop();
    }
    was_there
}
