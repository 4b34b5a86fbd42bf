//! The dashboards are those that the script makes.

use std::{fs, process::Command};

use test_support::database::variable;

use crate::{files, root, run};

#[test]
fn dashboards_are_those_of_the_script() {
    let folder = std::env::temp_dir().join(format!("tm-dashboards-{}", uuid::Uuid::new_v4()));
    let script = root().join("docker/observe/dashboards.py");
    run(Command::new(variable("GRAFANA_PYTHON"))
        .arg(script)
        .arg(&folder));
    let committed = files("docker/observe/dashboards", "json");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), committed.len());
    for file in committed {
        let made = fs::read_to_string(folder.join(file.file_name().unwrap())).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(made == text, "{file:?} is old: run `make dashboards`");
    }
    fs::remove_dir_all(folder).unwrap();
}
