//! The files of the dialect `haproxy`: byte for byte, and what is said about each policy.

mod samples_files;

use samples_files::{File, features, files, golden, refused, settings, special};
use traffic_manager_dataplane::{
    Dialect, Rendered,
    bootstrap::Ask,
    haproxy::bootstrap,
    model::Model,
    report::{PolicyReport, Report, State},
};

fn render(model: &Model) -> Rendered<Vec<File>> {
    let Rendered { document, report } = Dialect::Haproxy.render(model, &settings());
    Rendered {
        document: files(&document),
        report,
    }
}

fn of<'a>(report: &'a Report, service: &str) -> &'a PolicyReport {
    report
        .iter()
        .find(|one| one.service.as_str() == service)
        .unwrap()
}

#[test]
fn features_have_exactly_these_files() {
    golden("haproxy/features", &render(&features()).document);
}

#[test]
fn special_characters_have_exactly_these_files() {
    golden("haproxy/special", &render(&special()).document);
}

#[test]
fn refused_policies_have_exactly_these_files() {
    golden("haproxy/refused", &render(&refused()).document);
}

#[test]
fn model_without_policies_has_exactly_these_files() {
    golden("haproxy/empty", &render(&Model::default()).document);
}

#[test]
fn same_model_has_the_same_bytes() {
    assert_eq!(render(&features()), render(&features()));
}

#[test]
fn policies_that_cannot_be_expressed_are_refused_alone() {
    let Rendered { report, .. } = render(&refused());
    assert_eq!(of(&report, "good").state, State::Native);
    // Nothing leads to the version with the query.
    assert_eq!(of(&report, "spare").state, State::Native);
    for (service, why) in [
        ("query", "has a query"),
        ("address", "https with an address"),
    ] {
        let report = of(&report, service);
        assert_eq!(report.state, State::Refused);
        assert!(
            report.notes.iter().any(|note| note.contains(why)),
            "{report:?}"
        );
    }
}

#[test]
fn report_names_what_the_proxy_does_otherwise() {
    let Rendered { report, .. } = render(&features());
    let is_said = |service: &str, what: &str| {
        let report = of(&report, service);
        report.state == State::Degraded && report.notes.iter().any(|note| note.contains(what))
    };
    assert!(is_said("retry", "longest silence"));
    assert!(is_said("copy", "no copies are made"));
    assert!(is_said("retry", "each attempt"));
    assert_eq!(of(&report, "shop").state, State::Native);
    assert_eq!(of(&report, "wild").state, State::Native);
}

#[test]
fn bootstrap_has_exactly_these_bytes() {
    let ask = Ask {
        url: "http://127.0.0.1:8000".to_owned(),
        tenant: "acme".to_owned(),
        env: Some("prod".to_owned()),
        node: "edge-1".to_owned(),
        ads: None,
        listen: "127.0.0.1:21080".to_owned(),
        admin: "127.0.0.1:21081".to_owned(),
        ca_file: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
    };
    let file = File {
        path: "follower.sh".to_owned(),
        content: bootstrap(&ask),
    };
    golden("haproxy", &[file]);
}
