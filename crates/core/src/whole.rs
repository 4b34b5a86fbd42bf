//! Whole numbers in records and bodies: an error names the range, and no Rust type.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// A whole number whose errors name the range `MIN` to `MAX`. A number outside this range is still
/// read: the code that uses the number refuses it, together with all other errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: u64, const MAX: u64, T>(pub T);

impl<'de, const MIN: u64, const MAX: u64, T: TryFrom<u64>> Deserialize<'de> for Whole<MIN, MAX, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_u64(Number::<MIN, MAX, T>(PhantomData))
            .map(Self)
    }
}

/// Reads a whole number, for a member that has its own number type.
pub fn number<'de, const MIN: u64, const MAX: u64, T: TryFrom<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Whole::<MIN, MAX, T>::deserialize(deserializer).map(|whole| whole.0)
}

/// Reads a whole number, and refuses one outside the range.
pub fn within<
    'de,
    const MIN: u64,
    const MAX: u64,
    T: TryFrom<u64> + Into<u64> + Copy,
    D: Deserializer<'de>,
>(
    deserializer: D,
) -> Result<T, D::Error> {
    let number: T = number::<MIN, MAX, _, _>(deserializer)?;
    if (MIN..=MAX).contains(&number.into()) {
        Ok(number)
    } else {
        Err(D::Error::custom(format!(
            "must be a whole number from {MIN} to {MAX}"
        )))
    }
}

/// Reads a whole number that may be missing or `null`, for a member that has its own number type.
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
