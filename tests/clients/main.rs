//! Generates clients from docs/openapi.json with several code generators, and compiles or imports
//! them.
//!
//! The generators are installed on first use (install.sh), in the versions that package-lock.json
//! and requirements.txt pin with the hashes of their files. `make up` installs them too.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// The folder with the generators: `python` and `node`.
static TOOLS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = root().join(".stack/tools/clients");
    run(Command::new(here().join("install.sh")).arg(&folder));
    folder
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn here() -> PathBuf {
    root().join("tests/clients")
}

fn document() -> PathBuf {
    root().join("docs/openapi.json")
}

/// Returns a new folder for generated files.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("clients")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Returns a command of the tools. Tools that call other tools find them too.
fn tool(name: &str) -> Command {
    let (python, node) = (
        TOOLS.join("python/bin"),
        TOOLS.join("node/node_modules/.bin"),
    );
    let program = [&python, &node].map(|folder| folder.join(name));
    let program = program.iter().find(|program| program.exists()).expect(name);
    let mut path = std::env::join_paths([python.as_path(), &node]).unwrap();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    command
}

/// Runs a command, which must succeed. Returns its whole output.
fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}:\n{text}");
    text
}

#[test]
fn redocly_finds_no_error_and_no_warning() {
    let mut lint = tool("redocly");
    lint.args(["lint", "--format=json", "--config"])
        .arg(here().join("redocly.yaml"));
    let output = run(lint.arg(document()));
    let report = &output[output.find('{').expect("JSON")..=output.rfind('}').expect("JSON")];
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    assert_eq!(report["totals"]["errors"], 0, "{report:#}");
    assert_eq!(report["totals"]["warnings"], 0, "{report:#}");
}

#[test]
fn openapi_typescript_makes_types_that_compile() {
    let folder = folder("typescript");
    let mut generate = tool("openapi-typescript");
    generate
        .arg(document())
        .arg("--output")
        .arg(folder.join("api.ts"));
    generate.args([
        "--default-non-nullable",
        "false",
        "--root-types",
        "--root-types-no-schema-prefix",
    ]);
    run(&mut generate);
    fs::copy(here().join("use.ts"), folder.join("use.ts")).unwrap();
    let mut compile = tool("tsc");
    compile.args([
        "--noEmit",
        "--strict",
        "--target",
        "es2022",
        "--moduleResolution",
        "bundler",
    ]);
    compile.args(["--module", "esnext"]);
    run(compile.arg(folder.join("use.ts")));
}

#[test]
fn datamodel_codegen_makes_models_that_read_the_examples() {
    let folder = folder("pydantic");
    let mut generate = tool("datamodel-codegen");
    generate
        .arg("--input")
        .arg(document())
        .arg("--output")
        .arg(folder.join("models.py"));
    generate.args([
        "--input-file-type",
        "openapi",
        "--output-model-type",
        "pydantic_v2.BaseModel",
    ]);
    generate.args([
        "--extra-fields",
        "ignore",
        "--collapse-root-models",
        "--use-annotated",
    ]);
    generate.args(["--enum-field-as-literal", "all", "--disable-timestamp"]);
    run(generate.args(["--target-python-version", "3.11"]));
    let mut check = tool("python");
    check.arg(here().join("check_models.py")).arg(document());
    run(check.arg(&folder));
}

#[test]
fn openapi_python_client_makes_every_operation() {
    let folder = folder("python-client");
    fs::write(folder.join("config.yaml"), "post_hooks: []\n").unwrap();
    let mut generate = tool("openapi-python-client");
    generate
        .args(["generate", "--meta", "none", "--path"])
        .arg(document());
    generate.arg("--output-path").arg(folder.join("client"));
    let output = run(generate.arg("--config").arg(folder.join("config.yaml")));
    // A plan, a batch and reports of nodes can also be sent as YAML, which this generator does not support.
    let warnings = output.matches("WARNING").count();
    let of_yaml = output
        .matches("Unsupported content type application/yaml")
        .count();
    assert_eq!((warnings, of_yaml), (3, 3), "{output}");
    let mut check = tool("python");
    check.arg(here().join("check_client.py")).arg(document());
    run(check.arg(&folder));
}
