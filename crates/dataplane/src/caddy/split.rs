//! Splits: which version has the slot of a request.

use serde_json::{Value, json};
use traffic_manager_core::policy::shares::SLOTS;

use super::{invoke, named_version};
use crate::{
    model::{Action, PolicyModel, Target},
    report::Findings,
};

/// How many values four hexadecimal digits have for each slot.
const OF_SLOT: u32 = 0x1_0000 / SLOTS;

/// Returns the handler that sends a request to one of the targets.
pub(super) fn handler(policy: &PolicyModel, prefix_at: usize, targets: &[Target]) -> Value {
    let to = |target: &Target| {
        let version = policy.upstreams[target.upstream].version.as_str();
        invoke(named_version(policy, version, prefix_at))
    };
    let Some((last, others)) = targets.split_last() else {
        return super::problem(503, "no_active_version", "No version is active");
    };
    if others.is_empty() {
        return to(last);
    }
    let is_sticky = policy.spec.sticky_by.is_some();
    let (mut routes, mut end) = (Vec::new(), 0);
    if is_sticky {
        routes.extend(remembered(&cookie(policy)));
    }
    let slot = if is_sticky {
        "tm_slot"
    } else {
        "{http.request.uuid}"
    };
    for target in others {
        end += target.slots;
        let pattern = json!({"pattern": below(end * OF_SLOT)});
        routes.push(json!({"match": [{"vars_regexp": {slot: pattern}}], "handle": [to(target)], "terminal": true}));
    }
    routes.push(json!({"handle": [to(last)]}));
    json!({"handler": "subroute", "routes": routes})
}

/// Notes what stickiness becomes.
pub(super) fn note(policy: &PolicyModel, findings: &mut Findings) {
    let is_split = |action: &Action| matches!(action, Action::To(targets) if targets.len() > 1);
    let mut actions = policy.rules.iter().map(|rule| &rule.action);
    if policy.spec.sticky_by.is_some() && (is_split(&policy.default) || actions.any(is_split)) {
        let how = "a cookie of the proxy keeps a client on its slot, not the key of sticky_by";
        findings.degrade(format!("{how}: its name is {}", cookie(policy)));
    }
}

/// Returns the name of a policy's cookie. `~` is in no name of a service or environment.
fn cookie(policy: &PolicyModel) -> String {
    format!("tm_{}~{}", policy.name.service, policy.name.env)
}

/// Returns the routes that put four digits into `tm_slot`: those of the cookie, else random ones, which
/// the client gets as a cookie.
fn remembered(cookie: &str) -> [Value; 2] {
    let value = format!("{{http.request.cookie.{cookie}}}");
    let digits = "^([0-9a-f]{4})$";
    let keep = json!({"handler": "vars", "tm_slot": "{http.regexp.tm.1}"});
    let set = format!("{cookie}={{http.regexp.tm.1}}; Path=/; HttpOnly; SameSite=Lax");
    let known = json!({"vars_regexp": {value.as_str(): {"name": "tm", "pattern": digits}}});
    let new = json!({
        "not": [{"vars_regexp": {value: {"pattern": digits}}}],
        "vars_regexp": {"{http.request.uuid}": {"name": "tm", "pattern": "^([0-9a-f]{4})"}},
    });
    [
        json!({"match": [known], "handle": [keep]}),
        json!({"match": [new], "handle": [keep, {"handler": "headers", "response": {"add": {"Set-Cookie": [set]}}}]}),
    ]
}

/// Returns the pattern of texts whose first four hexadecimal digits are a number below a limit, which is
/// at most 0xffff and more than 0.
fn below(limit: u32) -> String {
    let digits = format!("{limit:04x}");
    let smaller = |(at, digit): (usize, char)| {
        let same = &digits[..at];
        match digit {
            '0' => None,
            '1' => Some(format!("{same}0")),
            '2'..='9' => Some(format!("{same}[0-{}]", char::from(digit as u8 - 1))),
            'a' => Some(format!("{same}[0-9]")),
            _ => Some(format!("{same}[0-9a-{}]", char::from(digit as u8 - 1))),
        }
    };
    let ways: Vec<_> = digits.char_indices().filter_map(smaller).collect();
    format!("^(?:{})", ways.join("|"))
}

#[cfg(test)]
mod tests {
    use traffic_manager_core::policy::pattern::Pattern;

    use super::*;

    #[test]
    fn pattern_of_a_border_takes_exactly_the_numbers_below_it() {
        for limit in [OF_SLOT, 0x10, 0xfff, 0x1000, 0x9a0b, 0xab00, 0xe668, 0xfffc] {
            let pattern = Pattern::checked(&format!("{}[-0-9a-f]*", below(limit))).unwrap();
            for number in 0..=0xffff_u32 {
                let taken = pattern.takes(&format!("{number:04x}0-f"));
                assert_eq!(taken, number < limit, "{number:04x} and {limit:04x}");
            }
        }
    }
}
