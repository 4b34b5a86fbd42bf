//! `make size` reckons with figures that were measured: each stands in the page that says how.

use std::{fs, path::Path, process::Command};

/// The name of a figure, the page, and the figure there.
const MEASURED: [(&str, &str, &str); 6] = [
    ("BYTES_OF_ROUTE", "docs/performance.md", "**428.5**"),
    ("KIB_OF_WAITER", "docs/performance.md", "**20.4**"),
    ("MICROSECONDS_OF_WAITER", "docs/performance.md", "**18.0**"),
    ("BYTES_OF_NODE", "docs/performance.md", "takes 420 bytes"),
    (
        "BYTES_OF_EVENT_IN_POSTGRES",
        "docs/operations/capacity.md",
        "| update | 1,408 B |",
    ),
    (
        "BYTES_OF_EVENT_IN_KAFKA",
        "docs/operations/capacity.md",
        "| 1,197 B |",
    ),
];

/// Defaults of settings that the program repeats.
const DEFAULTS: [(&str, &str); 3] = [
    ("WAITERS = 20_000", "max_waiters = 20000"),
    (
        "WAITERS_OF_TENANT = 12_000",
        "max_waiters_per_tenant = 12000",
    ),
    ("CONNECTIONS = 2 * 16 + 8 + 1", "pool_size = 16"),
];

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

fn size(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("python3")
        .arg("docs/operations/size.py")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("python3");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(text).expect("UTF-8"),
    )
}

#[test]
fn capacity_figures_are_those_of_the_pages() {
    let program = read("docs/operations/size.py");
    for (name, page, figure) in MEASURED {
        let digits: String = figure
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let line = format!("{name} = {digits}\n");
        assert!(program.contains(&line), "size.py does not have {line}");
        assert!(read(page).contains(figure), "{page} does not have {figure}");
    }
    let settings = read("src/config.default.toml");
    for (here, there) in DEFAULTS {
        assert!(
            program.contains(here) && settings.contains(there),
            "{here}, {there}"
        );
    }
}

#[test]
fn capacity_grows_with_what_is_asked_and_warns() {
    let line = |output: &str, name: &str| -> String {
        output
            .lines()
            .find(|line| line.starts_with(name))
            .expect(output)
            .to_owned()
    };
    let (ok, little) = size(&["NODES=2000", "WRITES=1"]);
    assert!(ok, "{little}");
    // 2,000 nodes at two of three instances; a day of 86,400 events of 1,408 B.
    assert!(
        line(&little, "serve, held polls").contains(" 1,000 "),
        "{little}"
    );
    assert!(
        line(&little, "PostgreSQL, history in a day").contains(" 116.0 MiB "),
        "{little}"
    );
    assert!(!little.contains('!'), "{little}");
    let (ok, much) = size(&["NODES=1000000", "TENANTS=1", "ROUTES=2000000"]);
    assert!(ok, "{much}");
    for warned in [
        "read.cache_bytes",
        "read.max_waiters (",
        "max_waiters_per_tenant",
        "nodes.all",
    ] {
        assert!(much.contains(warned), "{warned}: {much}");
    }
    for wrong in [
        "NODES=many",
        "ROOTS=1",
        "NODES=-1",
        "NODES=nan",
        "INSTANCES=0",
    ] {
        let (ok, said) = size(&[wrong]);
        assert!(
            !ok && said.starts_with("size: ") && said.lines().count() == 1,
            "{wrong}: {said}"
        );
    }
}
