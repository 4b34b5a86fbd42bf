//! Renders one state of some tenants after the other.

use traffic_manager_core::snapshot::{Scope, TenantSnapshot};

use crate::{
    Body, Dialect, Rendered, Settings, caddy, envoy, haproxy,
    model::{Compiler, Model},
    nginx,
    report::Report,
    traefik,
};

/// Renders one state of some tenants after the other, and keeps what does not change: what is made
/// of each policy, and the digest of each file. The states may come in any order. A body is byte for
/// byte what [`Dialect::render`] returns, and shares its blocks with the one before.
#[derive(Debug, Clone)]
pub struct Renderer {
    compiler: Compiler,
    settings: Settings,
    kept: Kept,
}

/// What a renderer keeps.
#[derive(Debug, Clone)]
enum Kept {
    Caddy(Box<caddy::Document>),
    Envoy(Box<envoy::Files>),
    Haproxy(Box<haproxy::Files>),
    Nginx(Box<nginx::Files>),
    Traefik(Box<traefik::Document>),
}

impl Renderer {
    /// Creates a renderer of the policies of a scope.
    pub fn new(dialect: Dialect, settings: Settings, scope: Scope) -> Self {
        let kept = match dialect {
            Dialect::Caddy => Kept::Caddy(Box::default()),
            Dialect::Envoy => Kept::Envoy(Box::default()),
            Dialect::Haproxy => Kept::Haproxy(Box::default()),
            Dialect::Nginx => Kept::Nginx(Box::default()),
            Dialect::Traefik => Kept::Traefik(Box::default()),
        };
        Self {
            compiler: Compiler::new(scope),
            settings,
            kept,
        }
    }

    /// Renders a state of the tenants: the body that the API answers, and what became of each
    /// policy.
    pub fn render<'a>(
        &mut self,
        snapshots: impl IntoIterator<Item = &'a TenantSnapshot>,
    ) -> Rendered<Body> {
        let model = self.compiler.compile(snapshots);
        self.render_model(&model)
    }

    /// Returns what became of each policy in a state of the tenants, without the body.
    pub fn report<'a>(
        &mut self,
        snapshots: impl IntoIterator<Item = &'a TenantSnapshot>,
    ) -> Report {
        let model = self.compiler.compile(snapshots);
        self.report_of_model(&model)
    }

    /// Returns roughly how many bytes the renderer keeps. Bodies share most of them.
    pub fn weight(&self) -> usize {
        let kept = match &self.kept {
            Kept::Caddy(document) => document.weight(),
            Kept::Envoy(files) => files.weight(),
            Kept::Haproxy(files) => files.weight(),
            Kept::Nginx(files) => files.weight(),
            Kept::Traefik(document) => document.weight(),
        };
        size_of::<Self>() + kept
    }

    /// Renders a model. What is the same in the model before is kept.
    pub(crate) fn render_model(&mut self, model: &Model) -> Rendered<Body> {
        self.take(model);
        let settings = &self.settings;
        let document = match &mut self.kept {
            Kept::Caddy(document) => document.body(&model.version(), settings),
            Kept::Envoy(files) => files.body(&model.version()),
            Kept::Haproxy(files) => files.body(model, settings),
            Kept::Nginx(files) => files.body(model, settings),
            Kept::Traefik(document) => document.body(&model.version()),
        };
        let report = self.report_of_kept();
        Rendered { document, report }
    }

    /// Returns what became of each policy of a model.
    pub(crate) fn report_of_model(&mut self, model: &Model) -> Report {
        self.take(model);
        self.report_of_kept()
    }

    fn take(&mut self, model: &Model) {
        let settings = &self.settings;
        match &mut self.kept {
            Kept::Caddy(document) => document.take(model, settings),
            Kept::Envoy(files) => files.take(model, settings),
            Kept::Haproxy(files) => files.take(model, settings),
            Kept::Nginx(files) => files.take(model, settings),
            Kept::Traefik(document) => document.take(model, settings),
        }
    }

    fn report_of_kept(&mut self) -> Report {
        match &mut self.kept {
            Kept::Caddy(document) => document.report(),
            Kept::Envoy(files) => files.report(),
            Kept::Haproxy(files) => files.report(),
            Kept::Nginx(files) => files.report(),
            Kept::Traefik(document) => document.report(),
        }
    }
}
