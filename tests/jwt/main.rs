//! Tokens: forged ones are refused, keys change without a lost request, and an absent or hostile
//! issuer does bounded harm.
//!
//! The tests use a real HTTP server on loopback, and pass the time as an argument.

mod answers;
mod forged;
mod mapping;
mod rotation;
mod tls;
mod unavailable;

use test_support::{issuer, signer};
