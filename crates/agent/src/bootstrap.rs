//! What a proxy starts with that the agent does not write.

use anyhow::bail;
use serde_json::json;
use traffic_manager_dataplane::{Dialect, bootstrap::Ask};

use crate::config::Config;

/// Returns the configuration with which the proxy is started.
pub fn text(config: &Config) -> anyhow::Result<String> {
    let proxy = &config.proxy;
    match proxy.dialect {
        Dialect::Envoy => Ok(Dialect::Envoy.bootstrap(&ask(config))),
        Dialect::Caddy => {
            let first = json!({"admin": {"listen": proxy.admin.to_string()}});
            Ok(format!("{first:#}\n"))
        }
        Dialect::Traefik => Ok(traefik(config)),
        Dialect::Haproxy | Dialect::Nginx => {
            bail!("the agent writes all files that this proxy starts with")
        }
    }
}

fn ask(config: &Config) -> Ask {
    let (service, proxy) = (&config.service, &config.proxy);
    let tenants: Vec<_> = service
        .tenants
        .iter()
        .map(|tenant| tenant.as_str())
        .collect();
    Ask {
        // Envoy reads files, and asks nobody.
        url: String::new(),
        tenant: tenants.join(","),
        env: service.env.as_ref().map(ToString::to_string),
        node: "tm-agent".to_owned(),
        ads: None,
        listen: proxy.listen.to_string(),
        admin: proxy.admin.to_string(),
        ca_file: proxy.ca_file.clone(),
    }
}

/// Traefik asks the agent. By default it would wait two seconds between two changes.
fn traefik(config: &Config) -> String {
    let (listen, admin) = (config.proxy.listen, config.proxy.admin);
    let agent = config.node.listen;
    format!(
        "\
# Traefik 3.7 or later: traefik --configFile=this-file.yaml
global: {{checkNewVersion: false, sendAnonymousUsage: false}}
entryPoints:
  web: {{address: '{listen}'}}
  traefik: {{address: '{admin}'}}
ping: {{}}
providers:
  providersThrottleDuration: 0s
  http:
    endpoint: http://{agent}/traefik
    pollInterval: 0.2s
"
    )
}
