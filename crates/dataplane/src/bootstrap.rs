//! Configurations with which new proxies start.

/// What a bootstrap says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The base of the service's API as the node reaches it, such as `http://127.0.0.1:8000/api/v1`.
    pub url: String,
    /// The tenant.
    pub tenant: String,
    /// The environment; all environments of the tenant if absent.
    pub env: Option<String>,
    /// The node's name.
    pub node: String,
    /// Host and port of the listener for Envoys, if there is one.
    pub ads: Option<String>,
    /// Address and port where the proxy takes requests.
    pub listen: String,
    /// Address and port of the proxy's own interface.
    pub admin: String,
    /// The file with the certificates of the authorities that upstreams are verified against.
    pub ca_file: String,
}
