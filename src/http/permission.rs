//! The rights of callers, as extractors: the first parameter of each handler says who may call it.
//!
//! An [`Endpoint`](super::endpoint::Endpoint) takes its [`Access`] from that parameter's type, so a
//! right is written once, and a handler without one does not compile as an endpoint. The gate
//! checks the right before the handler runs.

use std::{marker::PhantomData, ops::Deref};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};
use futures_util::future::{Ready, ready};

use super::problem::{Code, Problem};
use crate::auth::{
    Caller,
    Role::{self, Auditor, Node, TenantAdmin, Viewer},
};

/// The callers that an endpoint accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every client: no credentials are needed, and the gate looks for no caller.
    Public,
    /// A caller with one of these roles.
    Roles(&'static [Role]),
    /// A caller with one of these roles for the whole platform: for endpoints that belong to no
    /// tenant.
    Platform(&'static [Role]),
}

impl Access {
    /// Returns the roles of which a caller needs one; `None` for a public endpoint.
    pub fn roles(self) -> Option<&'static [Role]> {
        match self {
            Self::Public => None,
            Self::Roles(roles) | Self::Platform(roles) => Some(roles),
        }
    }
}

const PLATFORM: &[Role] = &[Role::PlatformAdmin];
const ALL: &[Role] = &[
    Role::PlatformAdmin,
    TenantAdmin,
    Role::Editor,
    Viewer,
    Auditor,
    Node,
];
const ADMINS: &[Role] = &[Role::PlatformAdmin, TenantAdmin];
const WRITE: &[Role] = &[Role::PlatformAdmin, TenantAdmin, Role::Editor];
const READ: &[Role] = &[Role::PlatformAdmin, TenantAdmin, Role::Editor, Viewer];
const POLL: &[Role] = &[Role::PlatformAdmin, TenantAdmin, Role::Editor, Viewer, Node];
const REPORT: &[Role] = &[Role::PlatformAdmin, TenantAdmin, Role::Editor, Node];
const AUDIT: &[Role] = &[Role::PlatformAdmin, TenantAdmin, Auditor];
const OVERSEE: &[Role] = &[Role::PlatformAdmin, Auditor];

/// A right that some roles have.
pub trait Right: 'static {
    /// The callers that have the right.
    const ACCESS: Access;
    /// The roles that suffice for a request with `dry_run=true`, which changes nothing.
    const DRY_RUN: Option<&'static [Role]> = None;
}

/// Asks who it is.
pub enum BeSomebody {}
/// Reads routes, policies, tenants and plans.
pub enum Read {}
/// Changes routes and policies.
pub enum Write {}
/// Makes plans. A plan that is not stored takes the right to read.
pub enum Plan {}
/// Polls what proxies need.
pub enum Poll {}
/// Says what nodes run.
pub enum Report {}
/// Reads the archive.
pub enum Audit {}
/// Manages API keys.
pub enum ManageKeys {}
/// Creates, changes and deletes tenants.
pub enum ManageTenants {}
/// Operates the platform: forced breaker states, dead letters, replays.
pub enum Operate {}
/// Sees how the platform is operated.
pub enum Oversee {}

impl Right for BeSomebody {
    const ACCESS: Access = Access::Roles(ALL);
}
impl Right for Read {
    const ACCESS: Access = Access::Roles(READ);
}
impl Right for Write {
    const ACCESS: Access = Access::Roles(WRITE);
}
impl Right for Plan {
    const ACCESS: Access = Access::Roles(WRITE);
    const DRY_RUN: Option<&'static [Role]> = Some(READ);
}
impl Right for Poll {
    const ACCESS: Access = Access::Roles(POLL);
}
impl Right for Report {
    const ACCESS: Access = Access::Roles(REPORT);
}
impl Right for Audit {
    const ACCESS: Access = Access::Roles(AUDIT);
}
impl Right for ManageKeys {
    const ACCESS: Access = Access::Roles(ADMINS);
}
impl Right for ManageTenants {
    const ACCESS: Access = Access::Roles(PLATFORM);
}
impl Right for Operate {
    const ACCESS: Access = Access::Platform(PLATFORM);
}
impl Right for Oversee {
    const ACCESS: Access = Access::Platform(OVERSEE);
}

/// The caller of a request that the gate has admitted to an endpoint of the right `R`.
#[derive(Debug, Clone)]
pub struct Permitted<R> {
    caller: Caller,
    right: PhantomData<R>,
}

/// A caller with any role.
pub type AnyCaller = Permitted<BeSomebody>;
/// A caller that may [`Read`].
pub type Reader = Permitted<Read>;
/// A caller that may [`Write`].
pub type Editor = Permitted<Write>;
/// A caller that may [`Plan`].
pub type Planner = Permitted<Plan>;
/// A caller that may [`Poll`].
pub type Poller = Permitted<Poll>;
/// A caller that may [`Report`].
pub type Reporter = Permitted<Report>;
/// A caller that may [`Audit`].
pub type AuditReader = Permitted<Audit>;
/// A caller that may [`ManageKeys`].
pub type KeyManager = Permitted<ManageKeys>;
/// A caller that may [`ManageTenants`].
pub type TenantManager = Permitted<ManageTenants>;
/// A caller that may [`Operate`].
pub type Operator = Permitted<Operate>;
/// A caller that may [`Oversee`].
pub type Overseer = Permitted<Oversee>;

impl<R: Right> Permitted<R> {
    /// Returns whether the caller may do more than a dry run.
    pub fn may_do_it(&self) -> bool {
        R::ACCESS
            .roles()
            .is_none_or(|roles| self.caller.grant.has_any(roles))
    }
}

impl<R> Deref for Permitted<R> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<R: 'static> FromRequest for Permitted<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller_of(request).map(|caller| Self {
            caller,
            right: PhantomData,
        }))
    }
}

/// Returns the caller that the gate has put into the request's extensions.
pub fn caller_of(request: &HttpRequest) -> Result<Caller, Problem> {
    let none = || Problem::new(Code::Unauthenticated, "the request has no caller");
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(none)
}

/// Every client, with or without credentials.
#[derive(Debug, Clone, Copy)]
pub struct Anyone;

impl FromRequest for Anyone {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self))
    }
}

/// The parameters of a handler. The first one says who may call it.
pub trait Guarded {
    /// The callers that may call the handler.
    const ACCESS: Access;
    /// The roles that suffice for a dry run.
    const DRY_RUN: Option<&'static [Role]>;
}

impl<R: Right> Guarded for Permitted<R> {
    const ACCESS: Access = R::ACCESS;
    const DRY_RUN: Option<&'static [Role]> = R::DRY_RUN;
}

impl Guarded for Anyone {
    const ACCESS: Access = Access::Public;
    const DRY_RUN: Option<&'static [Role]> = None;
}

macro_rules! guarded_by_the_first {
    ($($other:ident)*) => {
        impl<First: Guarded $(, $other)*> Guarded for (First, $($other,)*) {
            const ACCESS: Access = First::ACCESS;
            const DRY_RUN: Option<&'static [Role]> = First::DRY_RUN;
        }
    };
}

guarded_by_the_first!();
guarded_by_the_first!(A);
guarded_by_the_first!(A B);
guarded_by_the_first!(A B C);
guarded_by_the_first!(A B C D);
guarded_by_the_first!(A B C D E);
guarded_by_the_first!(A B C D E F);
guarded_by_the_first!(A B C D E F G);
