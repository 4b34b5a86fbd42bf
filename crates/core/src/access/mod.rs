//! Access: the rights of callers, and the records of the access log.

mod authorized;
mod grant;
mod key;
mod log;

pub use self::{
    authorized::{AuthorizedTenant, OtherTenant},
    grant::{Grant, Role, TenantScope},
    key::{KeyId, TokenHash},
    log::{AccessEvent, Kind, visible_to},
};
