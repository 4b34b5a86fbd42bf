//! Tests of `archive`.

use super::*;
use crate::domain::filter::AccessFilter;

#[test]
fn every_page_query_starts_with_a_plain_range_bound() {
    let position = EventPosition {
        occurred_at: "2026-11-21T08:00:00.000001Z".into(),
        id: "x".into(),
    };
    let [from, to] =
        ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"].map(|at| Some(at.parse().unwrap()));
    let tenant = Some("acme".parse().unwrap());
    let events = [
        EventFilter::default(),
        EventFilter {
            tenant: tenant.clone(),
            ..EventFilter::default()
        },
        EventFilter {
            tenant: tenant.clone(),
            from,
            to,
            actors: vec!["a".into(), "b".into()],
            ..EventFilter::default()
        },
    ];
    let accesses = [
        AccessFilter::default(),
        AccessFilter {
            visible_to: tenant.clone(),
            ..AccessFilter::default()
        },
        AccessFilter {
            visible_to: tenant.clone(),
            tenant,
            from,
            to,
            ..AccessFilter::default()
        },
    ];
    let lists = events
        .iter()
        .map(|filter| vec![to_document(filter)])
        .chain(accesses.iter().map(access_log::conditions));
    for conditions in lists {
        let page = all_of(conditions.iter().cloned().chain([position.beyond()]));
        let range = page.get_document("occurred_at").unwrap();
        assert_eq!(
            range.get_str("$lte").unwrap(),
            position.occurred_at,
            "{page}"
        );
        let names = |document: &Document| document.keys().cloned().collect::<Vec<_>>();
        for operator in conditions
            .iter()
            .filter_map(|one| one.get_document("occurred_at").ok())
            .flat_map(names)
        {
            assert!(range.contains_key(&operator), "{page}");
        }
        assert!(
            page.to_string().contains("$lt") && page.contains_key("$or"),
            "{page}"
        );
    }
    let clash = all_of([
        doc! { "a": 1 },
        doc! { "a": 2 },
        doc! { "$or": [{ "b": 1 }] },
        doc! { "$or": [{ "c": 1 }] },
    ]);
    assert_eq!(
        clash,
        doc! { "a": 1, "$or": [{ "b": 1 }], "$and": [{ "a": 2 }, { "$or": [{ "c": 1 }] }] }
    );
}
