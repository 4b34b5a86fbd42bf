use super::*;

const LIMITS: Limits = Limits {
    most_dropped_percent: 50,
    always_allowed: 10,
};

fn routes(routes: usize) -> Size {
    Size {
        routes,
        policies: 0,
    }
}

fn is_held(old: usize, dropped: usize, new: usize) -> bool {
    reason(LIMITS, routes(old), routes(dropped), routes(new)).is_some()
}

#[test]
fn more_than_half_and_more_than_ten_is_held_back() {
    assert!(!is_held(100, 50, 50));
    assert!(is_held(100, 51, 49));
    assert!(!is_held(12, 10, 2), "ten may always go");
    assert!(is_held(12, 11, 1));
    assert!(!is_held(100, 0, 100));
}

#[test]
fn replacing_all_routes_by_as_many_others_is_held_back() {
    assert!(is_held(100, 100, 100));
}

#[test]
fn loss_of_the_last_one_is_held_back_however_few_there_were() {
    assert!(is_held(1, 1, 0));
    assert!(!is_held(0, 0, 0));
    let policies = |policies| Size {
        routes: 5,
        policies,
    };
    let lost = reason(
        LIMITS,
        policies(1),
        policies(1).less(policies(0)),
        policies(0),
    );
    assert_eq!(lost.unwrap(), "it has none of the 1 policies any more");
}

#[test]
fn acceptance_covers_later_states_that_have_no_less() {
    let tag = |text: &str| text.parse::<VersionTag>().unwrap();
    let accepted = Accepted {
        tag: tag("0707070707070707.5"),
        size: routes(3),
    };
    assert!(accepted.covers(&tag("0707070707070707.5"), routes(3)));
    assert!(accepted.covers(&tag("0707070707070707.9"), routes(4)));
    assert!(!accepted.covers(&tag("0707070707070707.4"), routes(3)));
    assert!(!accepted.covers(&tag("0707070707070707.9"), routes(2)));
    assert!(!accepted.covers(&tag("0808080808080808.5"), routes(3)));
}
