//! The web page for people: its files from memory, its sessions, and signing in at the identity
//! provider.
//!
//! The page uses the public API and nothing else. What is here besides files gives its requests a
//! caller: a session in a cookie that no script reads.

mod pages;
mod records;
mod session;
mod sign_in;

pub use self::pages::Pages;
use super::endpoint::Endpoint;

/// The endpoints of the web page.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::page("/ui", pages::home),
        Endpoint::page("/ui/session", session::get),
        Endpoint::of_page("POST", "/ui/session", session::begin),
        Endpoint::of_page("DELETE", "/ui/session", session::end),
        Endpoint::page("/ui/login", sign_in::begin).without_head(),
        Endpoint::page("/ui/callback", sign_in::finish).without_head(),
        Endpoint::page("/ui/{path:.*}", pages::file),
    ]
}
