//! The web page: its files, its sessions, and signing in.

mod cross_site;
mod page;
mod session;
mod sign_in;
