//! The guides of the five proxies, run as a reader follows them: with the real proxy, and with a
//! service that is a process of its own, so that a page can stop it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use test_support::{
    UNHURRIED, World,
    callers::{ASKING, first_key},
    eventually,
    page::{Page, WITH_PROXY},
    ports::free_address,
};

use crate::{ask::Ask, programs::Program};

/// The folder in which `docker/local-stack.sh` finds a page's service, as it finds that of the demo.
struct Stack(PathBuf);

impl Stack {
    fn of(service: &Child) -> Self {
        let name = format!("tm-guide-{}", uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        let (pids, marks) = (folder.join("pids"), folder.join("marks"));
        for folder in [&folder, &pids, &marks] {
            fs::create_dir(folder).expect("a folder");
        }
        let write = |folder: PathBuf, text: String| fs::write(folder, text).expect("a file");
        write(pids.join("traffic-manager"), format!("{}\n", service.id()));
        write(
            marks.join("traffic-manager"),
            format!("{} serve", env!("CARGO_BIN_EXE_traffic-manager")),
        );
        write(folder.join("kind"), "local\n".to_owned());
        Self(folder)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The service of a page, which ends with its test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a page against its own service.
async fn follow(name: &str) {
    let (api, ops, ads) = (free_address(), free_address(), free_address());
    let addresses = [
        format!("http.listen={api}"),
        format!("http.ops_listen={ops}"),
        format!("http.ads_listen={ads}"),
        // Also in an encrypted run: the pages are about the proxies, and their commands name no CA.
        "http.tls.cert_file=".to_owned(),
        "http.tls.key_file=".to_owned(),
    ];
    let unhurried = UNHURRIED.map(|(key, value)| format!("{key}={value}"));
    let overrides: Vec<&str> = ASKING
        .into_iter()
        .chain(addresses.iter().chain(&unhurried).map(String::as_str))
        .collect();
    let world = World::with(&overrides).await;
    let token = first_key(&world.settings).await;
    let service = Command::new(env!("CARGO_BIN_EXE_traffic-manager"))
        .arg("serve")
        .env_clear()
        .envs(&world.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary");
    let service = Service(service);
    let stack = Stack::of(&service.0);
    eventually("the service is ready", async || {
        let answer = Ask::get(ops, "/health/ready").send().await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    let address = || free_address().to_string();
    let mut page = Page::read(name)
        .with("TM_STACK_DIR", stack.0.display().to_string())
        .with("TM_STACK", "local".to_owned())
        .with("PROXY", address())
        .with("ADMIN", address())
        .with("V1", address())
        .with("V2", address());
    for program in Program::ALL {
        let path = program.path().display().to_string();
        page = page.with(program.variable(), path);
    }
    page.run(&format!("http://{api}"), &token).await;
    drop((service, stack));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_examples_work_with_the_real_proxies() {
    assert_eq!(WITH_PROXY.len(), Program::ALL.len());
    for name in WITH_PROXY {
        follow(name).await;
    }
}
