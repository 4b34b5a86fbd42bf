//! Whole numbers in records and bodies: an error names the range, and no type of this program.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// A whole number of which errors say that it must be from `MIN` to `MAX`. A number outside of these is read too: the code that uses it refuses
/// it, together with whatever else is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: u64, const MAX: u64, T>(pub T);

impl<'de, const MIN: u64, const MAX: u64, T: TryFrom<u64>> Deserialize<'de> for Whole<MIN, MAX, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Number::<MIN, MAX, T>(PhantomData)).map(Self)
    }
}

/// Reads a whole number for a member of a type of its own.
pub fn number<'de, const MIN: u64, const MAX: u64, T: TryFrom<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Whole::<MIN, MAX, T>::deserialize(deserializer).map(|whole| whole.0)
}

/// The same for one that may be missing or `null`.
pub fn optional<'de, const MIN: u64, const MAX: u64, T: TryFrom<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Whole<MIN, MAX, T>>::deserialize(deserializer).map(|whole| whole.map(|whole| whole.0))
}

struct Number<const MIN: u64, const MAX: u64, T>(PhantomData<T>);

impl<const MIN: u64, const MAX: u64, T: TryFrom<u64>> Visitor<'_> for Number<MIN, MAX, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}
