//! Tokens: forged ones are refused, keys change without a request lost, and an issuer that is away or hostile is bounded. Against a real
//! HTTP server on loopback; time is an argument.

mod answers;
mod forged;
mod issuer;
mod mapping;
mod rotation;
mod signer;
mod tls;
mod unavailable;
