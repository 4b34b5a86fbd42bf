//! A second `PostgreSQL`, primary and replica, for faults that the other tests would not survive.

use std::{
    collections::HashMap,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::{processes::Process, support::World};

/// A service on a cluster of its own.
pub struct Placed {
    pub process: Process,
    pub world: World,
    /// A connection to the primary as the owner of the schema.
    pub owner: tokio_postgres::Client,
    pub cluster: Cluster,
}

/// Connects to a cluster, whose servers have no TLS.
pub async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the cluster");
    tokio::spawn(connection);
    client
}

impl Placed {
    /// Starts a cluster and the service, with a role and settings (`TM__…`) of its own; `None`
    /// where the stack runs in containers.
    pub async fn start(role: &'static str, settings: &[(&str, &str)]) -> Option<Self> {
        if !Cluster::is_possible() {
            return None;
        }
        // First: no other test stops a part from here on, whose port this cluster would take.
        let world = World::new().await;
        let cluster = Cluster::start();
        let mut owner = client(cluster.variable("PG_OWNER_URL")).await;
        traffic_manager::store::migrations::run(&mut owner)
            .await
            .expect("the migrations");
        let mut environment = world.environment.clone();
        environment.insert("TM__POSTGRES__PRIMARY_URL".into(), cluster.both());
        environment.insert(
            "TM__POSTGRES__REPLICA_URLS".into(),
            cluster.variable("PG_APP_REPLICA_URL").into(),
        );
        environment.extend(
            settings
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let process = Process::start(role, &environment);
        process.ready().await;
        Some(Self {
            process,
            world,
            owner,
            cluster,
        })
    }
}

/// A cluster that is removed when dropped.
pub struct Cluster {
    folder: PathBuf,
    variables: HashMap<String, String>,
}

impl Cluster {
    /// Returns whether a cluster can run here. Prints the reason if not: the stack runs in
    /// containers.
    fn is_possible() -> bool {
        let is_contained =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.stack/kind"))
                .is_ok_and(|kind| kind.trim() == "compose");
        if is_contained {
            println!(
                "not shown here: a second PostgreSQL needs one that is installed on this machine, and the stack runs in containers"
            );
        }
        !is_contained
    }

    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("tm-cluster-{}", Uuid::new_v4()));
        let mut cluster = Self {
            folder,
            variables: HashMap::new(),
        };
        cluster.run(&["up", "postgres-primary", "postgres-replica"]);
        let env = std::fs::read_to_string(cluster.folder.join("env"))
            .expect("the second stack describes itself");
        let pairs = env
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        cluster.variables = pairs
            .map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        cluster
    }

    /// Runs a command of `docker/local-stack.sh` for this cluster.
    pub fn run(&self, arguments: &[&str]) {
        let ended = self.try_run(arguments);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success() || std::thread::panicking(),
            "{arguments:?}: {said}"
        );
    }

    fn try_run(&self, arguments: &[&str]) -> Output {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/local-stack.sh");
        Command::new(script)
            .args(arguments)
            .envs([("TM_STACK", "local"), ("TM_FREE_PORTS", "1")])
            .env("TM_STACK_DIR", &self.folder)
            .stdin(Stdio::null())
            .output()
            .expect("the script")
    }

    /// Returns a variable of the cluster's `env` file.
    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// Returns the URL of the service's role, with both hosts.
    pub fn both(&self) -> String {
        let host = |url: &str| {
            url.rsplit_once('@')
                .and_then(|(_, rest)| rest.split_once('/'))
                .expect("a URL")
                .0
                .to_owned()
        };
        let (primary, replica) = (
            self.variable("PG_APP_URL"),
            host(self.variable("PG_APP_REPLICA_URL")),
        );
        primary.replace(&host(primary), &format!("{},{replica}", host(primary)))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for part in ["postgres-primary", "postgres-replica"] {
            // A paused server cannot be stopped. `resume` leaves a server that is not paused as it
            // is.
            let _ = self.try_run(&["resume", part]);
        }
        self.run(&["reset"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
