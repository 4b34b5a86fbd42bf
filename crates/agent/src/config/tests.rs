use super::*;

const LEAST: &str = r#"
[service]
servers = ["https://tm.example.com"]
tenant = "acme"
[proxy]
dialect = "nginx"
folder = "/srv/nginx"
"#;

fn refusal(change: impl Fn(&str) -> String) -> String {
    Config::parse(&change(LEAST)).unwrap_err().to_string()
}

#[test]
fn least_configuration_has_the_defaults_for_the_rest() {
    let config = Config::parse(LEAST).unwrap();
    assert_eq!(config.proxy.dialect, Dialect::Nginx);
    assert_eq!(config.service.env, None);
    assert_eq!(config.times.pause, Duration::from_secs(1));
    assert_eq!(config.guard.always_allowed, 10);
    assert!(config.node.listen.ip().is_loopback());
    assert!(!config.node.name.as_str().is_empty());
}

#[test]
fn unknown_key_is_refused_by_its_name() {
    let refused = refusal(|text| text.replace("tenant =", "tenants ="));
    assert!(refused.contains("tenants"), "{refused}");
    let refused = refusal(|text| format!("{text}\n[gard]\nalways_allowed = 1\n"));
    assert!(refused.contains("gard"), "{refused}");
}

#[test]
fn missing_and_wrong_values_are_refused_by_their_keys() {
    let cases = [
        (
            "tenant = \"acme\"",
            "",
            "service.tenant, service.tenants: exactly",
        ),
        (
            "tenant = \"acme\"",
            "tenant = \"acme\"\ntenants = [\"beta\"]",
            "service.tenant, service.tenants: exactly",
        ),
        (
            "tenant = \"acme\"",
            "tenants = [\"beta\", \"beta\"]",
            "service.tenants: names one twice",
        ),
        (
            "tenant = \"acme\"",
            "tenants = [\"a1\", \"B\"]",
            "service.tenants",
        ),
        ("tenant = \"acme\"", "tenant = \"A b\"", "service.tenant"),
        (
            "\"nginx\"",
            "\"apache\"",
            "proxy.dialect: \"apache\" is none of",
        ),
        ("https://tm.example.com", "tm", "service.servers"),
        (
            "\"https://tm.example.com\"",
            "",
            "service.servers: at least",
        ),
        ("/srv/nginx", "nginx", "proxy.folder"),
        ("/srv/nginx", "/var/lib/tm-agent/nginx", "proxy.folder"),
        (
            "[proxy]",
            "token_env = \"A\"\ntoken_file = \"/a\"\n[proxy]",
            "only one",
        ),
        (
            "[proxy]",
            "trusted_keys = [\"ab\"]\n[proxy]",
            "64 hex digits",
        ),
        (
            "[proxy]",
            "[node]\nlisten = \"0.0.0.0:1\"\n[proxy]",
            "node.listen",
        ),
        (
            "[proxy]",
            "[node]\nname = \"Edge 1\"\n[proxy]",
            "node.name: must have",
        ),
        (
            "[proxy]",
            "[times]\npause_ms = 0\n[proxy]",
            "times.pause_ms: 0",
        ),
        (
            "[proxy]",
            "[times]\nretry_ms = 90000\n[proxy]",
            "times.retry_ms",
        ),
    ];
    for (old, new, wanted) in cases {
        let refused = refusal(|text| text.replace(old, new));
        assert!(refused.contains(wanted), "{old} → {new}: {refused}");
    }
}

#[test]
fn several_tenants_have_their_own_folders_and_one_has_the_agents() {
    let several = LEAST.replace("tenant = \"acme\"", "tenants = [\"beta\", \"acme\"]");
    let several = Config::parse(&several).unwrap();
    let names: Vec<_> = several
        .service
        .tenants
        .iter()
        .map(|name| name.as_str())
        .collect();
    assert_eq!(names, ["acme", "beta"]);
    let folder = several.folder_of(&several.service.tenants[1]);
    assert_eq!(folder, several.node.state.join("tenants/beta"));
    let one = Config::parse(LEAST).unwrap();
    assert_eq!(one.service.tenants.len(), 1);
    assert_eq!(one.folder_of(&one.service.tenants[0]), one.node.state);
    let names: Vec<_> = (0..17).map(|at| format!("\"t{at}\"")).collect();
    let many = format!("tenants = [{}]", names.join(","));
    let refused = refusal(|text| text.replace("tenant = \"acme\"", &many));
    assert!(refused.contains("at most 16"), "{refused}");
}

/// What the control plane gives with `transport=agent` is a configuration as it is.
#[test]
fn configuration_from_the_control_plane_is_good() {
    let ask = traffic_manager_dataplane::bootstrap::Ask {
        url: "https://tm.example.com:8443/api/v1".to_owned(),
        tenant: "acme".to_owned(),
        env: Some("prod".to_owned()),
        node: "edge-7".to_owned(),
        ads: None,
        listen: "0.0.0.0:80".to_owned(),
        admin: "127.0.0.1:9901".to_owned(),
        ca_file: "/etc/ssl/\"certs\".pem".to_owned(),
    };
    let keys = ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".to_owned()];
    for dialect in Dialect::ALL {
        for keys in [&keys[..], &[]] {
            let text = traffic_manager_dataplane::agent::configuration(&ask, dialect, keys);
            let config = Config::parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
            assert_eq!(config.proxy.dialect, dialect);
            assert_eq!(config.proxy.ca_file, ask.ca_file);
            assert_eq!(config.service.trusted_keys.len(), keys.len());
            assert_eq!(config.service.servers[0].port(), Some(8443));
            assert_eq!(config.node.name.as_str(), "edge-7");
            assert_eq!(config.service.env.unwrap().as_str(), "prod");
        }
    }
}
