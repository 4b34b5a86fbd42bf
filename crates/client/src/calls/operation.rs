//! The table of operations.

use reqwest::Method;

/// How an operation may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Reads what has no version tag.
    Read,
    /// Reads a tenant, and takes `TM-Min-Revision`.
    ReadTenant,
    /// Writes, and takes `Idempotency-Key`: can be sent again.
    Write,
    /// Writes without a key: is never sent again.
    WriteOnce,
}

/// A row of the table: an operation of the OpenAPI document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The name of the client's method: the `operationId` in snake case.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path with its parameters in braces.
    pub path: &'static str,
    /// How the operation may be sent.
    pub effect: Effect,
}

impl Operation {
    /// Returns whether the operation changes nothing.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.effect, Effect::Read | Effect::ReadTenant)
    }
}

/// A row from the words of a declaration.
macro_rules! row {
    ($effect:ident $name:ident $method:ident $path:literal) => {
        $crate::calls::Operation {
            name: stringify!($name),
            method: reqwest::Method::$method,
            path: $path,
            effect: $crate::calls::Effect::$effect,
        }
    };
}

/// Declares operations: for each a row of the table, and a method of [`Client`](super::Client) that
/// puts its arguments into a [`Call`](super::Call), each with the named method of the builder.
macro_rules! operations {
    ($($(#[$doc:meta])*
        $effect:ident $name:ident: $method:ident $path:literal
        ($($argument:ident: $type:ty => $part:ident),*) -> $outcome:ty;
    )*) => {
        /// The rows of this file.
        pub(super) const ROWS: &[$crate::calls::Operation] = &[$(
            $crate::calls::operation::row!($effect $name $method $path)
        ),*];

        /// Whether the outcome of each operation can be read from a body.
        #[cfg(test)]
        pub(super) const READERS: &[(&str, super::tests::Reader)] = &[$(
            (stringify!($name), <$outcome as $crate::calls::Outcome>::accepts)
        ),*];

        impl $crate::calls::Client {$(
            $(#[$doc])*
            pub fn $name(&self, $($argument: $type),*) -> $crate::calls::Call<$outcome> {
                const ROW: &$crate::calls::Operation =
                    &$crate::calls::operation::row!($effect $name $method $path);
                $crate::calls::Call::new(self, ROW)$(.$part($argument))*
            }
        )*}
    };
}

pub(super) use {operations, row};
