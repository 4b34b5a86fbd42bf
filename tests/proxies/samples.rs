//! One policy in the language of each proxy, written by hand.
//!
//! Host `pay.acme.io`, prefix `/shop`. Version v1 is an `http` URL with the path `/one`, v2 an
//! `https` URL with the path `/two`. `X-Version` names a version, `X-Beta: yes` leads to v2, all
//! other requests are split between v1 and v2, nine to one. Anything else is 404.

use serde_json::{Value, json};

use crate::{
    programs::{Program, Site},
    reload::SOCKET,
    upstreams::Upstream,
};

/// The versions of the policy.
pub struct Sample<'a> {
    pub v1: &'a Upstream,
    pub v2: &'a Upstream,
    /// The file with the authority of v2's certificate.
    pub ca: &'a str,
}

impl Sample<'_> {
    /// Writes all files that the proxy of this site needs.
    pub fn write(&self, site: &Site) {
        match site.program {
            Program::Envoy => self.envoy(site),
            Program::Traefik => self.traefik(site),
            Program::Caddy => self.caddy(site),
            Program::HaProxy => self.haproxy(site),
            Program::Nginx => self.nginx(site),
        }
    }

    fn envoy(&self, site: &Site) {
        let address = |address: std::net::SocketAddr| json!({"socket_address": {"address": "127.0.0.1", "port_value": address.port()}});
        let source = |file: &str| {
            json!({
                "resource_api_version": "V3",
                "initial_fetch_timeout": "0s",
                "path_config_source": {"path": site.path(file), "watched_directory": {"path": site.path("")}},
            })
        };
        let connections = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "web",
            "normalize_path": true,
            "merge_slashes": true,
            "rds": {"route_config_name": "tm", "config_source": source("routes.json")},
            "http_filters": [{
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }],
        });
        let bootstrap = json!({
            "node": {"id": "edge-1", "cluster": "acme-prod"},
            "admin": {"address": address(site.admin)},
            "dynamic_resources": {"cds_config": source("clusters.json")},
            "static_resources": {"listeners": [{
                "name": "web",
                "address": address(site.web),
                "filter_chains": [{"filters": [{"name": "http", "typed_config": connections}]}],
            }]},
        });
        let clusters = [
            self.envoy_cluster("v1", self.v1, "/one", None),
            self.envoy_cluster("v2", self.v2, "/two", Some("localhost")),
        ];
        site.write("clusters.json", &resources(&clusters));
        site.write("routes.json", &resources(&[envoy_routes()]));
        site.write(site.program.first_file(), &bootstrap.to_string());
    }

    fn envoy_cluster(&self, name: &str, to: &Upstream, base: &str, tls: Option<&str>) -> Value {
        let endpoint = json!({
            "hostname": to.authority(),
            "address": {"socket_address": {"address": "localhost", "port_value": to.address.port()}},
        });
        let mut cluster = json!({
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": name,
            "type": "STRICT_DNS",
            "dns_lookup_family": "V4_PREFERRED",
            "connect_timeout": "2s",
            "metadata": {"filter_metadata": {"tm": {"base": base}}},
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        });
        if let Some(server_name) = tls {
            cluster["transport_socket"] = json!({"name": "tls", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": server_name,
                "common_tls_context": {"validation_context": {
                    "trusted_ca": {"filename": self.ca},
                    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": server_name}}],
                }},
            }});
        }
        cluster
    }

    fn traefik(&self, site: &Site) {
        let start = json!({
            "entryPoints": {"web": {"address": site.web}, "traefik": {"address": site.admin}},
            "api": {"insecure": true},
            "ping": {},
            "global": {"checkNewVersion": false, "sendAnonymousUsage": false},
            "providers": {"file": {"filename": site.path("policies.yaml"), "watch": true}},
        });
        let host = "Host(`pay.acme.io`) && (Path(`/shop`) || PathPrefix(`/shop/`))";
        let router = |priority: u32, rule: &str, service: &str| json!({"entryPoints": ["web"], "priority": priority, "rule": format!("{host}{rule}"), "service": service});
        let ca = std::fs::read_to_string(self.ca).expect("the authority");
        let policies = json!({"http": {
            "routers": {
                "pay-x-v1": router(1040, " && Header(`X-Version`, `v1`)", "pay-v1"),
                "pay-x-v2": router(1040, " && Header(`X-Version`, `v2`)", "pay-v2"),
                "pay-x": router(1030, " && HeaderRegexp(`X-Version`, `.*`)", "none"),
                "pay-rule-0": router(1020, " && Header(`X-Beta`, `yes`)", "pay-v2"),
                "pay": router(1010, "", "pay"),
            },
            "serversTransports": {"own-ca": {"rootCAs": [ca]}},
            "services": {
                "pay": {"weighted": {
                    "services": [{"name": "pay-v1", "weight": 9}, {"name": "pay-v2", "weight": 1}],
                    "sticky": {"cookie": {"name": "tm_pay", "httpOnly": true}},
                }},
                "pay-v1": {"loadBalancer": {"passHostHeader": false, "servers": [{"url": self.v1.url("/one"), "preservePath": true}]}},
                "pay-v2": {"loadBalancer": {"passHostHeader": false, "serversTransport": "own-ca", "servers": [{"url": self.v2.url("/two"), "preservePath": true}]}},
                "none": {"loadBalancer": {"servers": []}},
            },
        }});
        site.write("policies.yaml", &policies.to_string());
        site.write(site.program.first_file(), &start.to_string());
    }

    fn caddy(&self, site: &Site) {
        let socket = |name: &str| format!("unix/{}", site.path(&format!("{name}.sock")));
        let matches = |headers: Value| {
            let mut set =
                json!({"host": ["pay.acme.io"], "path_regexp": {"pattern": "^/shop(?:/|$)"}});
            if !headers.is_null() {
                set["header"] = headers;
            }
            json!([set])
        };
        let to =
            |name: &str| json!({"handler": "reverse_proxy", "upstreams": [{"dial": socket(name)}]});
        let not_found = json!({"handler": "static_response", "status_code": 404});
        let split = json!({
            "handler": "reverse_proxy",
            "upstreams": [{"dial": socket("v1")}, {"dial": socket("v2")}],
            "load_balancing": {"selection_policy": {
                "policy": "cookie",
                "name": "tm_pay",
                "fallback": {"policy": "weighted_round_robin", "weights": [9, 1]},
            }},
        });
        let route = |matches: Value, handler: &Value| json!({"match": matches, "handle": [handler], "terminal": true});
        let routes = json!([
            route(matches(json!({"X-Version": ["v1"]})), &to("v1")),
            route(matches(json!({"X-Version": ["v2"]})), &to("v2")),
            route(matches(json!({"X-Version": ["*"]})), &not_found),
            route(matches(json!({"X-Beta": ["yes"]})), &to("v2")),
            route(matches(Value::Null), &split),
            {"handle": [not_found]},
        ]);
        let tls =
            json!({"server_name": "localhost", "ca": {"provider": "file", "pem_files": [self.ca]}});
        let document = json!({
            "admin": {"listen": site.admin},
            "apps": {"http": {"servers": {
                "tm": {"listen": [site.web], "automatic_https": {"disable": true}, "routes": routes},
                "v1": caddy_version(&socket("v1"), self.v1, "/one", Value::Null),
                "v2": caddy_version(&socket("v2"), self.v2, "/two", tls),
            }}},
        });
        site.write(site.program.first_file(), &document.to_string());
    }

    fn haproxy(&self, site: &Site) {
        let slots: String = (0..100)
            .map(|slot| format!("pay:{slot} {}\n", if slot < 90 { "v1" } else { "v2" }))
            .collect();
        site.write("hosts.map", "pay.acme.io/shop/ pay\n");
        site.write("versions.map", "pay:v1 v1\npay:v2 v2\n");
        site.write("split.map", &slots);
        let [hosts, versions, split, socket] =
            ["hosts.map", "versions.map", "split.map", SOCKET].map(|name| site.path(name));
        let (web, ca) = (site.web, self.ca);
        let (v1, v2) = (self.v1.authority(), self.v2.authority());
        let config = format!(
            "\
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  retries 1
  default-server init-addr last,libc,none
frontend web
  bind {web}
  http-request set-var(txn.path) path,concat(/)
  http-request set-var(txn.at) req.hdr(host),field(1,:),lower,concat(,txn.path)
  http-request set-var(txn.policy) var(txn.at),map_beg({hosts})
  http-request return status 404 unless {{ var(txn.policy) -m found }}
  http-request set-var(txn.version) req.fhdr(x-version)
  http-request set-var(txn.key) var(txn.policy),concat(:,txn.version)
  http-request set-var(txn.to) var(txn.key),map({versions}) if {{ req.fhdr(x-version) -m found }}
  http-request return status 404 if {{ req.fhdr(x-version) -m found }} !{{ var(txn.to) -m found }}
  http-request set-var(txn.to) str(v2) if !{{ var(txn.to) -m found }} {{ req.fhdr(x-beta) -m str yes }}
  http-request set-var(txn.slot) rand(16384)
  http-request set-var(txn.slot) req.fhdr(x-user),xxh64,and(16383) if {{ req.fhdr(x-user) -m found }}
  http-request set-var(txn.slot) var(txn.slot),mul(100),div(16384)
  http-request set-var(txn.key) var(txn.policy),concat(:,txn.slot)
  http-request set-var(txn.to) var(txn.key),map({split}) if !{{ var(txn.to) -m found }}
  use_backend %[var(txn.to)]
backend v1
  http-request set-path /one%[path]
  http-request set-header Host {v1}
  server a {v1}
backend v2
  http-request set-path /two%[path]
  http-request set-header Host {v2}
  server a {v2} ssl verify required ca-file {ca} sni str(localhost) verifyhost localhost
"
        );
        site.write(site.program.first_file(), &config);
    }

    fn nginx(&self, site: &Site) {
        let (web, folder, ca) = (site.web, site.path(""), self.ca);
        let (v1, v2) = (self.v1.authority(), self.v2.authority());
        let frame = format!(
            "\
worker_processes 1;
pid {folder}pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}t1; proxy_temp_path {folder}t2; fastcgi_temp_path {folder}t3;
  uwsgi_temp_path {folder}t4; scgi_temp_path {folder}t5;
  map_hash_bucket_size 256; variables_hash_max_size 4096; server_names_hash_bucket_size 256;
  include {folder}policies.conf;
}}
"
        );
        let policies = format!(
            "\
split_clients \"pay/$pay_key\" $pay_split {{ 90.00% v1; * v2; }}
map $http_x_user $pay_key {{ \"\" $request_id; default $http_x_user; }}
map $http_x_beta $pay_rule {{ \"~^yes$\" v2; default $pay_split; }}
map $http_x_version $pay_to {{ \"\" $pay_rule; \"~^v1$\" v1; \"~^v2$\" v2; default none; }}
map $pay_to $pay_url {{ v1 http://pay-v1/one; v2 https://pay-v2/two; default \"\"; }}
map $pay_to $pay_host {{ v1 {v1}; v2 {v2}; default \"\"; }}
upstream pay-v1 {{ server {v1}; keepalive 16; }}
upstream pay-v2 {{ server {v2}; keepalive 16; }}
server {{
  listen {web};
  server_name pay.acme.io;
  proxy_http_version 1.1;
  proxy_set_header Connection \"\";
  proxy_ssl_server_name on;
  proxy_ssl_verify on;
  proxy_ssl_trusted_certificate {ca};
  if ($request_uri ~ \"(?:^|/)\\.\\.?(?:[/?]|$)\") {{ return 400; }}
  location @pay {{
    if ($pay_url = \"\") {{ return 404; }}
    proxy_set_header Host $pay_host;
    proxy_ssl_name localhost;
    proxy_pass $pay_url$request_uri;
  }}
  location = /shop {{ error_page 418 = @pay; return 418; }}
  location /shop/ {{ error_page 418 = @pay; return 418; }}
  location / {{ return 404; }}
}}
server {{ listen {web} default_server; return 404; }}
"
        );
        site.write("policies.conf", &policies);
        site.write(site.program.first_file(), &frame);
    }
}

/// A file of Envoy's resources.
fn resources(resources: &[Value]) -> String {
    json!({"version_info": "1", "resources": resources}).to_string()
}

/// The weights have the sum 16,384, so that Envoy and HAProxy choose the same version for a key.
fn envoy_routes() -> Value {
    let on = |headers: Value| json!({"path_separated_prefix": "/shop", "headers": headers});
    let exact = |name: &str, value: &str| json!([{"name": name, "string_match": {"exact": value}}]);
    let rewritten = |mut route: Value| {
        route["timeout"] = json!("0s");
        route["path_rewrite"] = json!("%CLUSTER_METADATA(tm:base)%%PATH(NQ)%");
        route["auto_host_rewrite"] = json!(true);
        route["append_x_forwarded_host"] = json!(true);
        route
    };
    let to = |cluster: &str| rewritten(json!({"cluster": cluster}));
    let split = rewritten(json!({
        "weighted_clusters": {
            "clusters": [{"name": "v1", "weight": 14746}, {"name": "v2", "weight": 1638}],
            "use_hash_policy": true,
        },
        "hash_policy": [{"header": {"header_name": "x-user"}}],
    }));
    json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "tm",
        "ignore_port_in_host_matching": true,
        "virtual_hosts": [{"name": "pay.acme.io", "domains": ["pay.acme.io"], "routes": [
            {"match": on(exact("x-version", "v1")), "route": to("v1")},
            {"match": on(exact("x-version", "v2")), "route": to("v2")},
            {"match": on(json!([{"name": "x-version", "present_match": true}])), "direct_response": {"status": 404}},
            {"match": on(exact("x-beta", "yes")), "route": to("v2")},
            {"match": on(json!([])), "route": split},
        ]}],
    })
}

/// An internal server that gives a version its path, host and TLS.
fn caddy_version(socket: &str, to: &Upstream, base: &str, tls: Value) -> Value {
    let mut handler = json!({
        "handler": "reverse_proxy",
        "upstreams": [{"dial": to.authority()}],
        "rewrite": {"uri": format!("{base}{{http.request.uri}}")},
        "headers": {"request": {"set": {"Host": [to.authority()]}}},
    });
    if !tls.is_null() {
        handler["transport"] = json!({"protocol": "http", "tls": tls});
    }
    json!({"listen": [socket], "automatic_https": {"disable": true}, "routes": [{"handle": [handler]}]})
}
