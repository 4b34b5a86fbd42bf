//! Describes one endpoint for the router, the gate, the middleware and the documents.

use actix_web::{
    FromRequest, Handler, Responder, Route, guard, http::Method, middleware::from_fn, web,
};

use serde_json::Value;

use super::{
    compression,
    openapi::{Operation, Schemas, Served},
    permission::{Access, Guarded},
};
use crate::auth::Role;

/// Whether the access log records a successful request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogging {
    /// A successful request is not recorded.
    None,
    /// The endpoint reads sensitive data: the access log records the caller.
    Sensitive,
}

/// An endpoint of the API's listener. Each one is written once, in the list of its resource.
pub struct Endpoint {
    /// The HTTP method in upper case. `HEAD` is answered as `GET`, except by streams.
    pub method: &'static str,
    /// The path template, as in the router and in the OpenAPI document.
    pub path: &'static str,
    /// The callers that may use the endpoint, from the handler's first parameter.
    pub access: Access,
    /// The roles that suffice for a request with `dry_run=true`.
    pub dry_run: Option<&'static [Role]>,
    /// Whether the access log records a successful request to the endpoint.
    pub access_log: AccessLogging,
    /// Whether proxies poll the endpoint. The middleware makes no span for a poll, and leaves the
    /// deadline to the handler, because a poll may wait.
    pub is_polled: bool,
    /// Whether a request counts among its tenant's concurrent requests. Polls do not: they are
    /// answered from memory, or wait in places of their own.
    pub takes_place: bool,
    /// Whether a node that may read only a part of its tenant has to name that part in the path or the query.
    pub is_scoped: bool,
    /// Whether the answer may be held until a share of the tenant's nodes runs the change.
    pub converges: bool,
    is_compressed: bool,
    answers_head: bool,
    tag: &'static str,
    handler: Box<dyn Fn() -> Route + Send + Sync>,
    operation: Option<fn() -> Operation>,
}

impl Endpoint {
    fn new<F, Args>(
        method: &'static str,
        path: &'static str,
        handler: F,
        operation: Option<fn() -> Operation>,
    ) -> Self
    where
        F: Handler<Args> + Send + Sync,
        F::Output: Responder + 'static,
        Args: FromRequest + Guarded + 'static,
    {
        Self {
            method,
            path,
            access: Args::ACCESS,
            dry_run: Args::DRY_RUN,
            access_log: AccessLogging::None,
            is_polled: false,
            takes_place: true,
            is_scoped: true,
            converges: false,
            is_compressed: false,
            answers_head: method == "GET",
            tag: "",
            handler: Box::new(move || web::to(handler.clone())),
            operation,
        }
    }

    /// Marks an endpoint that reads sensitive data: the access log records each caller.
    #[must_use]
    pub fn sensitive(self) -> Self {
        Self {
            access_log: AccessLogging::Sensitive,
            ..self
        }
    }

    /// Compresses the answers, for clients that accept compression.
    #[must_use]
    pub fn compressed(self) -> Self {
        Self {
            is_compressed: true,
            ..self
        }
    }

    /// Marks a write of routes or policies, which may wait for the nodes: `?wait=95%,10s`.
    #[must_use]
    pub fn converging(self) -> Self {
        Self {
            converges: true,
            ..self
        }
    }

    /// Does not ask a narrowed node to name a part of its tenant: the answer says nothing about the tenant, or the
    /// handler checks the parts that the body names.
    #[must_use]
    pub fn of_no_scope(self) -> Self {
        Self {
            is_scoped: false,
            ..self
        }
    }

    /// Marks an endpoint that proxies poll.
    #[must_use]
    pub fn polled(self) -> Self {
        Self {
            is_polled: true,
            ..self.without_place()
        }
    }

    /// Does not count requests among their tenant's concurrent requests.
    #[must_use]
    pub fn without_place(self) -> Self {
        Self {
            takes_place: false,
            ..self
        }
    }

    /// Returns the roles of which a request needs one; `None` for a public endpoint.
    pub fn roles(&self, query: &str) -> Option<&'static [Role]> {
        let is_dry = || {
            url::form_urlencoded::parse(query.as_bytes())
                .any(|(name, value)| name == "dry_run" && value == "true")
        };
        let of_dry_run = self.dry_run.filter(|_| is_dry());
        of_dry_run.or_else(|| self.access.roles())
    }

    /// Returns the route for the router.
    pub fn route(&self) -> Route {
        let route = (self.handler)();
        let route = if self.answers_head {
            route.guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            route.method(Method::from_bytes(self.method.as_bytes()).unwrap_or_default())
        };
        if self.is_compressed {
            route.wrap(from_fn(compression::compress))
        } else {
            route
        }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident: $method:literal;)+) => {
        impl Endpoint {$(
            $(#[$doc])*
            pub fn $name<F, Args>(
                path: &'static str,
                handler: F,
                operation: fn() -> Operation,
            ) -> Self
            where
                F: Handler<Args> + Send + Sync,
                F::Output: Responder + 'static,
                Args: FromRequest + Guarded + 'static,
            {
                Self::new($method, path, handler, Some(operation))
            }
        )+}
    };
}

methods! {
    /// A `GET` endpoint. It answers `HEAD` too (RFC 9110 §9.3.2), with the same head and no body.
    get: "GET";
    /// A `POST` endpoint.
    post: "POST";
    /// A `PUT` endpoint.
    put: "PUT";
    /// A `PATCH` endpoint.
    patch: "PATCH";
    /// A `DELETE` endpoint.
    delete: "DELETE";
}

impl Endpoint {
    /// A page for people: a `GET` endpoint that the `OpenAPI` document does not describe.
    pub fn page<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args> + Send + Sync,
        F::Output: Responder + 'static,
        Args: FromRequest + Guarded + 'static,
    {
        Self::of_page("GET", path, handler)
    }

    /// An endpoint of a page for people, which the `OpenAPI` document does not describe.
    pub fn of_page<F, Args>(method: &'static str, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args> + Send + Sync,
        F::Output: Responder + 'static,
        Args: FromRequest + Guarded + 'static,
    {
        Self::new(method, path, handler, None)
    }

    /// Sets the tag in the `OpenAPI` document.
    #[must_use]
    pub fn tagged(self, tag: &'static str) -> Self {
        Self { tag, ..self }
    }

    /// Returns the operation for the `OpenAPI` document; `None` for a page.
    pub fn document(&self, schemas: &mut Schemas) -> Option<Value> {
        let served = Served {
            method: self.method,
            path: self.path,
            tag: self.tag,
            roles: self.access.roles(),
            is_compressed: self.is_compressed,
            converges: self.converges,
        };
        let operation = self.operation?;
        Some(operation().document(&served, schemas))
    }

    /// Does not answer `HEAD`: for streams, whose head would begin the stream.
    #[must_use]
    pub fn without_head(self) -> Self {
        Self {
            answers_head: false,
            ..self
        }
    }
}

/// Matches a path against a template with at most one parameter, before routing.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    before: &'static str,
    after: Option<&'static str>,
}

impl Template {
    /// Returns the template of an endpoint's path.
    pub fn of(path: &'static str) -> Self {
        match path.split_once('{') {
            None => Self {
                before: path,
                after: None,
            },
            Some((before, rest)) => Self {
                before,
                after: rest.split_once('}').map(|(_, after)| after),
            },
        }
    }

    /// Returns whether a path is of this template.
    pub fn matches(&self, path: &str) -> bool {
        match self.after {
            None => path == self.before,
            Some(_) => self.parameter(path).is_some_and(|name| !name.contains('/')),
        }
    }

    /// Returns the text in the place of the parameter.
    pub fn parameter<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.before)?.strip_suffix(self.after?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_matches_paths_with_one_segment_for_its_parameter() {
        let template = Template::of("/tenants/{tenant}/snapshot");
        assert!(template.matches("/tenants/acme/snapshot"));
        assert_eq!(template.parameter("/tenants/acme/snapshot"), Some("acme"));
        for other in [
            "/tenants/acme",
            "/tenants/a/b/snapshot",
            "/tenants/acme/snapshots",
            "/tenant/acme/snapshot",
        ] {
            assert!(!template.matches(other), "{other}");
        }
        let exact = Template::of("/routes/resolve");
        assert!(exact.matches("/routes/resolve") && !exact.matches("/routes/resolve/x"));
    }
}
