use serde_json::{Value, json};

use super::*;

fn code(text: &str) -> &'static str {
    Pattern::checked(text).map_or_else(|invalid| invalid.code, |_| "taken")
}

fn takes(text: &str, value: &str) -> bool {
    Pattern::checked(text).unwrap().takes(value)
}

fn rules(patterns: impl IntoIterator<Item = String>) -> Vec<Rule> {
    let patterns: Vec<_> = patterns.into_iter().collect();
    let header = |at: usize, text: &String| (format!("x-{at}"), json!({"regex": text}));
    let rule = |(at, chunk): (usize, &[String])| {
        let headers: serde_json::Map<String, Value> = chunk
            .iter()
            .enumerate()
            .map(|(at, text)| header(at, text))
            .collect();
        serde_json::from_value(
            json!({"name": format!("r{at}"), "version": "v", "match": {"headers": headers}}),
        )
        .unwrap()
    };
    patterns.chunks(16).enumerate().map(rule).collect()
}

#[test]
fn common_patterns_are_accepted() {
    for (text, value) in [
        ("a|b", "b"),
        ("v[12]", "v2"),
        (r"^\d{1,3}(\.\d{1,3}){3}$", "10.0.0.1"),
        (r"(?i).*(iphone|android|mobile).*", "Mozilla (iPhone; x)"),
        (r".*Chrome/1[0-9]{2}\..*", "Mozilla/5.0 Chrome/126.0"),
        (r".*\bsid=[^;]+.*", "a=1; sid=7"),
        (
            r"(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}",
            "shop-a.example.com",
        ),
        (r"(?P<major>\d+)\.(?P<minor>\d+)", "1.20"),
        (r"[[:alpha:]_][\w\-.]*@[\w.]+", "a_b@c.d"),
        ("(?:foo|foobar)+", "foofoobar"),
        ("(?:[^,]*,)*beta(?:,[^,]*)*", "x,beta,y"),
        (r"\w{5}", "abcde"),
        ("[a-z0-9]{1,60}(?:-[a-z0-9]{1,60}){0,3}", "a1-b2-c3"),
        (r"\x41[\]\[^a&]", "A]"),
        (r"a\.b\/c\%", "a.b/c%"),
        ("(?s:.)", "x"),
    ] {
        assert!(takes(text, value), "{text}");
    }
}

#[test]
fn pattern_matches_the_whole_value() {
    for (text, taken, left) in [
        ("a|ab", &["a", "ab"][..], &["abc", "b", "", "xa"][..]),
        ("a|b.*", &["a", "b", "bx"], &["ax", "xa"]),
        ("(?m)^a$", &["a"], &["a\nb"]),
        ("a*?", &["", "aaa"], &["ab"]),
        ("^a", &["a"], &["ab"]),
        ("a$|b", &["a", "b"], &["ab"]),
    ] {
        assert!(taken.iter().all(|value| takes(text, value)), "{text}");
        assert!(!left.iter().any(|value| takes(text, value)), "{text}");
    }
    assert!(takes("a*", &"a".repeat(MAX_MATCHED)) && !takes("a*", &"a".repeat(MAX_MATCHED + 1)));
}

#[test]
fn character_classes_are_ascii_as_in_re2() {
    assert!(
        takes(r"\d", "7")
            && !takes(r"\d", "\u{663}")
            && !takes(r"\w+", "\u{e4}")
            && !takes(r"\s", "\u{a0}")
    );
    assert!(!takes("(?i)k", "\u{212a}") && takes("(?i)k", "K"));
}

#[test]
fn patterns_that_proxies_read_differently_are_refused() {
    for text in [
        "",
        "(?u)a",
        "(?-u)a",
        "(?R)a",
        "(?i-u:a)",
        r"\u0041",
        r"\U00000041",
        r"\u{41}",
        r"\<a",
        r"a\>",
        r"\b{start}a",
        r"\b{start-half}a",
        "[a-z&&[^b]]",
        r"[\w&&\d]",
        "[a-z--b]",
        "[a-z~~b]",
        "[a[b]]",
        "[[^a]b]",
        r"\pL",
        r"[\p{Greek}]",
        r"\P{L}",
        "\u{e4}",
        "[\u{e4}-\u{fc}]",
        r"\xe4",
        r"\x{263a}",
        "(?<name>a)",
        "a++",
        "a*+",
        "a{2}{3}",
        "^*",
        r"\b+",
        r"\_",
        "(a+)+",
        "(a*)*",
        "(a+)+$",
        "(a|aa)+",
        r"(\w+\s?)*",
        "(.*,)*",
        "(?:a{1,30}){1,30}",
        "(?:[01]{1,900}1)+[01]{1,90}y",
        "([a-z]+)*?",
    ] {
        assert_eq!(code(text), "regex_not_portable", "{text}");
    }
}

#[test]
fn invalid_pattern_error_gives_reason_and_position() {
    for (text, detail) in [
        ("v(1|2", "is not a pattern: unclosed group, at character 2"),
        (
            "ab[c",
            "is not a pattern: unclosed character class, at character 3",
        ),
        ("a)|(b", "is not a pattern: unopened group, at character 2"),
        ("(", "is not a pattern: unclosed group, at character 1"),
        (
            "*",
            "is not a pattern: repetition operator missing expression, at character 1",
        ),
        (
            "a{2,1}",
            "is not a pattern: invalid repetition count range, the start must be <= the end, at character 2",
        ),
        (
            r"(a)\1",
            "is not a pattern: backreferences are not supported, at character 4",
        ),
        (
            "(?=a)",
            "is not a pattern: look-around, including look-ahead and look-behind, is not supported, at character 1",
        ),
    ] {
        let invalid = Pattern::checked(text).unwrap_err();
        assert_eq!(
            (invalid.code, invalid.detail.as_str()),
            ("not_a_regex", detail),
            "{text}"
        );
    }
    assert_eq!(code(&"(".repeat(512)), "not_a_regex");
    let nested = format!("{}a{}", "(".repeat(200), ")".repeat(200));
    assert_eq!(code(&nested), "not_a_regex");
}

#[test]
fn too_large_pattern_is_refused() {
    for text in [
        "(?:(?:a{1000}){1000}){1000}",
        "a{1001}",
        "(a{100}){11}",
        "[ab]*a[ab]{14}",
        ".*[0-9].{20}",
    ] {
        assert_eq!(code(text), "regex_too_large", "{text}");
    }
    assert_eq!((code("a{1000}"), code("(a{100}){10}")), ("taken", "taken"));
}

#[test]
fn patterns_of_a_policy_are_limited_together() {
    let codes = |rules: &[Rule]| {
        check(rules)
            .into_iter()
            .map(|(pointer, invalid)| (pointer, invalid.code))
            .collect::<Vec<_>>()
    };
    let many = |count: usize| rules((0..count).map(|at| format!("a{at}")));
    assert_eq!(codes(&many(MAX_PATTERNS)), []);
    assert_eq!(
        codes(&many(MAX_PATTERNS + 1)),
        [("/rules".to_owned(), "too_many_patterns")]
    );
    // Each pattern is accepted alone. A pattern that several places use is counted once.
    let large = |count: usize| rules((0..count).map(|at| format!("[a-z0-9_]{{1,300}}{at}")));
    let one = Pattern::checked("[a-z0-9_]{1,300}0").unwrap().size();
    assert!(one > MAX_COMPILED_OF_POLICY / 64, "{one}");
    assert_eq!(
        codes(&large(64)),
        [("/rules".to_owned(), "patterns_too_large")]
    );
    assert_eq!(
        codes(&rules((0..64).map(|_| "[a-z0-9_]{1,300}0".to_owned()))),
        []
    );
    let wrong = codes(&rules(["a", "(", "b", "[a[b]]"].map(str::to_owned)));
    let at = |header: usize| format!("/rules/0/match/headers/x-{header}/regex");
    assert_eq!(
        wrong,
        [(at(1), "not_a_regex"), (at(3), "regex_not_portable")]
    );
    assert_eq!(
        codes(&rules((0..64).map(|at| format!("({at}")))).len(),
        MAX_ERRORS
    );
}

#[test]
fn stored_older_patterns_keep_working_where_safe() {
    let takes = |text: &str, value: &str| {
        let rules = rules([text.to_owned()]);
        let patterns = Patterns::of(&rules);
        let asked = crate::policy::choice::Asked {
            headers: std::collections::BTreeMap::from([("x-0".to_owned(), value.to_owned())]),
            ..Default::default()
        };
        (
            rules[0].matching.takes(&asked, patterns.of_rule(0)),
            patterns.unusable().len(),
        )
    };
    for (text, value, is_taken) in [
        ("(?x) beta # the testers", "beta", true),
        ("(?x) beta # the testers", "beta # the testers", false),
        ("[a-z&&[^b]]", "c", true),
        ("[a-z&&[^b]]", "b", false),
        (r"\p{Greek}", "\u{3b1}", true),
        ("\u{e4}+", "\u{e4}\u{e4}", true),
        ("(a+)+", "aaaa", true),
        (r"\w+", "abc", true),
        ("", "", true),
    ] {
        assert_eq!(takes(text, value), (is_taken, 0), "{text}");
    }
    assert_eq!(
        takes("(?:[01]{1,900}1)+[01]{1,90}y", "01y"),
        (false, 1),
        "too large"
    );
    assert_eq!(takes("(", "("), (false, 1), "no release accepted it");
}

#[test]
fn largest_stored_policy_compiles_within_its_limit() {
    let rules = rules((0..1024).map(|at| format!("[a-z0-9]{{1,400}}{at}")));
    let patterns = Patterns::of(&rules);
    assert!(
        patterns.size() < 4 * MAX_COMPILED_OF_POLICY + 2 * MAX_COMPILED,
        "{}",
        patterns.size()
    );
    assert!(!patterns.unusable().is_empty() && patterns.unusable().len() < 1024);
    assert!(
        patterns.unusable()[0].ends_with("/regex"),
        "{}",
        patterns.unusable()[0]
    );
    assert_eq!(Patterns::of(&[]).size(), 0);
}

#[test]
fn proxies_get_patterns_without_the_flag_x_and_with_the_same_meaning() {
    for (written, sent) in [
        ("a|b+", "a|b+"),
        ("(?x) a b # text", "ab"),
        ("(?ix) a [ b ] \\  c", "(?i)a[b]\\ c"),
        ("(?i-x)a(?x: b c )", "(?i)a(?:bc)"),
        ("(?-x)a", "a"),
        ("(?x-i)a", "(?-i)a"),
    ] {
        assert_eq!(for_proxies(written).unwrap(), sent, "{written}");
    }
    for refused in ["", "(?u)a", "\\p{L}", "é", "(?:a{50}){50}"] {
        assert!(for_proxies(refused).is_err(), "{refused}");
    }
}
