//! The URLs of routes, read by the parsers of other languages: Python always, Go where it is
//! installed.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::Value;
use traffic_manager::domain::route::RouteUrl;
use url::Url;

/// Reads one URL a line, and writes its host, port and path as JSON, or the reason why it is no
/// URL.
const PYTHON: &str = r#"
import json, sys
from urllib.parse import urlsplit
for line in sys.stdin:
    try:
        url = urlsplit(line.rstrip("\n"))
        print(json.dumps([url.hostname, url.port or {"http": 80, "https": 443}[url.scheme], url.path or "/"]))
    except Exception as error:
        print(json.dumps(str(error)))
"#;

const GO: &str = r#"
package main

import ("bufio"; "encoding/json"; "fmt"; "net/url"; "os"; "strconv"; "strings")

func main() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var read any
		if u, err := url.Parse(in.Text()); err != nil {
			read = err.Error()
		} else {
			port, _ := strconv.Atoi(u.Port())
			if u.Port() == "" { port = map[string]int{"http": 80, "https": 443}[u.Scheme] }
			path := u.EscapedPath()
			if path == "" { path = "/" }
			read = []any{strings.ToLower(u.Hostname()), port, path}
		}
		text, _ := json.Marshal(read)
		fmt.Println(string(text))
	}
}
"#;

/// URLs that the service accepts: a few bases with every ASCII character at every place.
fn taken() -> Vec<String> {
    let bases = [
        "http://ab.example:81/p/%41;x?q=%42&r",
        "https://[2001:db8::1]:443/x",
        "HTTP://192.0.2.10",
        "http://xn--bcher-kva.de./~a",
        "https://a_b.c:8080?x",
    ];
    let mut urls = Vec::new();
    for base in bases {
        for at in 0..=base.len() {
            for c in '\0'..='\u{7f}' {
                let (head, tail) = base.split_at(at);
                urls.push(format!("{head}{c}{tail}"));
                urls.extend(tail.get(1..).map(|tail| format!("{head}{c}{tail}")));
            }
        }
    }
    urls.retain(|url| url.parse::<RouteUrl>().is_ok());
    assert!(urls.len() > 5_000, "{}", urls.len());
    urls
}

fn assert_read_alike(mut parser: Command, urls: &[String]) {
    let mut parser = parser
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a parser");
    let mut input = parser.stdin.take().unwrap();
    let lines = urls.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = parser.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let answers: Vec<Value> = output
        .stdout
        .split(|b| *b == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(answers.len(), urls.len());
    for (url, answer) in urls.iter().zip(answers) {
        let read = Url::parse(url).unwrap();
        let host = read.host_str().unwrap().trim_matches(['[', ']']).to_owned();
        let found = answer[0]
            .as_str()
            .unwrap_or_else(|| panic!("{url}: {answer}"));
        // The parsers may spell the same address differently.
        let address = |host: &str| {
            host.parse::<std::net::Ipv6Addr>()
                .map_or_else(|_| host.to_owned(), |address| address.to_string())
        };
        assert_eq!(address(found), address(&host), "{url}");
        assert_eq!(
            (answer[1].as_u64(), answer[2].as_str()),
            (
                read.port_or_known_default().map(u64::from),
                Some(read.path())
            ),
            "{url}"
        );
    }
}

#[test]
fn python_parses_every_url_as_we_do() {
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON]);
    assert_read_alike(python, &taken());
}

#[test]
fn go_parses_every_url_as_we_do() {
    if Command::new("go").arg("version").output().is_err() {
        println!("Go is not installed: crates/core/src/url/tests.rs has its rules");
        return;
    }
    let folder = std::env::temp_dir().join(format!("tm-urls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("main.go"), GO).unwrap();
    let mut go = Command::new("go");
    go.current_dir(&folder).args(["run", "main.go"]);
    assert_read_alike(go, &taken());
    std::fs::remove_dir_all(&folder).unwrap();
}
