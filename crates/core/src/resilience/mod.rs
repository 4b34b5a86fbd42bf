//! The pure halves of the protection against overload and failures: the circuit breaker's state
//! machine and `CoDel`.

pub mod breaker;
mod codel;

pub use self::codel::CoDel;
