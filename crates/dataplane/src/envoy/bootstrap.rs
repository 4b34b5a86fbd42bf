//! The configuration with which an Envoy starts.

use url::Url;

use crate::bootstrap::Ask;

/// How an Envoy gets its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By a gRPC stream, which acknowledges and refuses. The first choice.
    Ads,
    /// By HTTP polls of the same listener.
    Rest,
    /// From files that something else writes.
    Files,
}

/// Returns a bootstrap, in YAML. The node's key is read from the environment variable `TM_TOKEN`
/// with each request to the service.
pub fn bootstrap(ask: &Ask, transport: Transport) -> String {
    let source = source(transport);
    let (control, streams) = match transport {
        Transport::Ads => (control_cluster(ask), STREAM),
        Transport::Rest => (control_cluster(ask), ""),
        Transport::Files => ("  clusters: []\n".to_owned(), ""),
    };
    let files = match transport {
        Transport::Files => {
            "# The folder tm, where Envoy is started, must be there with cds.json and rds.json in it.\n"
        }
        Transport::Ads | Transport::Rest => {
            "# Start with the node's key in the environment variable TM_TOKEN.\n"
        }
    };
    let env = ask
        .env
        .as_deref()
        .map_or(String::new(), |env| format!("    env: {}\n", quoted(env)));
    let (admin, admin_port) = address(&ask.admin);
    format!(
        "# Envoy 1.37 or later: envoy -c this-file.yaml\n{files}\
node:
  id: {node}
  cluster: {tenant}
  metadata:
    tenant: {tenant}
{env}admin:
  address: {{socket_address: {{address: {admin}, port_value: {admin_port}}}}}
{RUNTIME}dynamic_resources:
{streams}  cds_config: {cds}
static_resources:
{listener}{control}",
        node = quoted(&ask.node),
        tenant = quoted(&ask.tenant),
        admin = quoted(&admin),
        cds = source.replace("FILE", "cds"),
        listener = listener(ask, &source.replace("FILE", "rds")),
    )
}

/// The limit of patterns is that of the service's own; Envoy's default of 100 refuses short ones.
/// A name that the DNS does not answer delays all others by its time limit.
const RUNTIME: &str = "\
layered_runtime:
  layers:
  - name: static
    static_layer:
      re2: {max_program_size: {error_level: 32768, warn_level: 32768}}
typed_dns_resolver_config:
  name: envoy.network.dns_resolver.cares
  typed_config:
    '@type': type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
    query_timeout_seconds: 1
    query_tries: 1
";

/// Without `retry_policy` the pause between attempts reaches 30 s.
const STREAM: &str = "  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
    - envoy_grpc:
        cluster_name: tm
        retry_policy: {retry_back_off: {base_interval: 0.2s, max_interval: 2s}}
";

/// Returns a configuration source; `FILE` stands for the file's name. Port and `/ready` stay closed
/// until there is a configuration: `initial_fetch_timeout`.
fn source(transport: Transport) -> &'static str {
    match transport {
        Transport::Ads => "{resource_api_version: V3, ads: {}, initial_fetch_timeout: 0s}",
        Transport::Rest => {
            "{resource_api_version: V3, initial_fetch_timeout: 0s, api_config_source: \
             {api_type: REST, transport_api_version: V3, cluster_names: [tm], \
             refresh_delay: 0.1s, request_timeout: 40s}}"
        }
        Transport::Files => {
            "{resource_api_version: V3, initial_fetch_timeout: 0s, path_config_source: \
             {path: tm/FILE.json, watched_directory: {path: tm}}}"
        }
    }
}

fn listener(ask: &Ask, source: &str) -> String {
    let (listen, port) = address(&ask.listen);
    let listen = quoted(&listen);
    format!(
        "  listeners:
  - name: tm
    address: {{socket_address: {{address: {listen}, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: tm
          # false if another proxy is before this one and its X-Forwarded-For can be trusted.
          use_remote_address: true
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: REJECT_REQUEST
          strip_trailing_host_dot: true
          server_header_transformation: PASS_THROUGH
          upgrade_configs: [{{upgrade_type: websocket}}]
          rds:
            route_config_name: tm
            config_source: {source}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"
    )
}

/// The cluster of the service. Pings notice within 12 s that it is gone. An upstream filter puts
/// the key into each request: streams could carry it in `initial_metadata` too, polls could not.
fn control_cluster(ask: &Ask) -> String {
    let url = Url::parse(&ask.url).ok();
    let is_tls = url.as_ref().is_some_and(|url| url.scheme() == "https");
    let of_url = url.as_ref().and_then(|url| {
        let port = url.port_or_known_default()?;
        Some((url.host_str()?.to_owned(), port))
    });
    let (host, port) = match (&ask.ads, of_url) {
        (Some(ads), _) => address(ads),
        (None, Some(of_url)) => of_url,
        (None, None) => address(&ask.url),
    };
    let host = host.trim_matches(['[', ']']);
    let tls = if is_tls {
        tls(host, &ask.ca_file)
    } else {
        String::new()
    };
    let host = quoted(host);
    format!(
        "  clusters:
  - name: tm
    type: STRICT_DNS
    dns_lookup_family: V4_PREFERRED
    connect_timeout: 2s
    load_assignment:
      cluster_name: tm
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}}}]}}]
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {{connection_keepalive: {{interval: 10s, timeout: 2s}}}}
        http_filters:
        - name: envoy.filters.http.header_mutation
          typed_config:
            '@type': type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
            mutations:
              request_mutations:
              - append:
                  header: {{key: authorization, value: 'Bearer %ENVIRONMENT(TM_TOKEN)%'}}
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
        - name: envoy.filters.http.upstream_codec
          typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}}
{tls}"
    )
}

fn tls(host: &str, ca_file: &str) -> String {
    let is_address = host.contains(':') || matches!(url::Host::parse(host), Ok(url::Host::Ipv4(_)));
    let (kind, sni) = if is_address {
        ("IP_ADDRESS", String::new())
    } else {
        ("DNS", format!("        sni: {}\n", quoted(host)))
    };
    let (host, ca_file) = (quoted(host), quoted(ca_file));
    format!(
        "    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
{sni}        common_tls_context:
          alpn_protocols: [h2]
          validation_context:
            trusted_ca: {{filename: {ca_file}}}
            match_typed_subject_alt_names: [{{san_type: {kind}, matcher: {{exact: {host}}}}}]
"
    )
}

/// Returns host and port of `host:port`; 80 if there is no port.
fn address(text: &str) -> (String, u16) {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let host = host.trim_matches(['[', ']']).to_owned();
    (host, port.parse().unwrap_or(80))
}

/// Returns a text as a YAML scalar: a JSON string is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
