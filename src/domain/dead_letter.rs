//! What is known of a dead letter beside its content: where it stands, and what was decided of it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use super::{Invalid, time::UtcTime};

/// The place of a letter in its topic, `<partition>-<offset>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct LetterId {
    /// The partition, from 0.
    pub partition: i32,
    /// The offset in it, from 0.
    pub offset: i64,
}

/// More digits than these are no partition and no offset: a pattern can say so, which it cannot of the bounds of `i32` and `i64`.
const DIGITS: (usize, usize) = (9, 18);

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.offset)
    }
}

impl Serialize for LetterId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for LetterId {
    type Err = Invalid;

    /// Only as it is printed: one place has one name.
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        let parsed = raw.split_once('-').filter(|(partition, offset)| partition.len() <= DIGITS.0 && offset.len() <= DIGITS.1);
        let parsed = parsed.and_then(|(partition, offset)| {
            let id = Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? };
            (id.partition >= 0 && id.offset >= 0 && id.to_string() == raw).then_some(id)
        });
        parsed.ok_or_else(|| Invalid::new("not_a_letter", "must be <partition>-<offset>, such as 0-17"))
    }
}

impl TryFrom<String> for LetterId {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

/// A letter for certain: its place, and when the broker took it. A topic that was made anew has other letters in the same places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LetterKey {
    /// Where it stands.
    pub id: LetterId,
    /// When it was dead-lettered, by the broker's clock, to the millisecond.
    pub at: UtcTime,
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Nobody has decided anything.
    Waiting,
    /// It was decided to send it again; whether that was done is not known. Doing it again is harmless.
    Redriving,
    /// It was sent again.
    Redriven,
    /// It is not needed, and somebody said why.
    Discarded,
}

impl LetterState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Redriving, Self::Redriven, Self::Discarded];

    /// Its name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Redriving => "redriving",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }

    /// Whether somebody still has to do something about it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Redriving)
    }
}

impl TryFrom<String> for LetterState {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let known = Self::ALL.into_iter().find(|state| state.as_str() == raw);
        known.ok_or_else(|| Invalid::new("unknown_state", format!("must be one of {}", names())))
    }
}

/// What somebody decided of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Never `Waiting`.
    #[serde(skip)]
    pub state: LetterState,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Who.
    pub decided_by: String,
    /// When.
    pub decided_at: UtcTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_name() {
        let id = LetterId { partition: 0, offset: 17 };
        assert_eq!("0-17".parse::<LetterId>().unwrap(), id);
        assert_eq!(id.to_string(), "0-17");
        for wrong in ["", "17", "0-", "-1", "+0-1", "0-+1", "00-1", "0-01", "0--1", "-0-1", "0-9223372036854775808", "0-1-2"] {
            assert!(wrong.parse::<LetterId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_has_no_more_digits_than_the_document_says() {
        assert_eq!("999999999-999999999999999999".parse::<LetterId>().unwrap().offset, 999_999_999_999_999_999);
        for wrong in ["1000000000-0", "0-1000000000000000000"] {
            assert!(wrong.parse::<LetterId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn states_have_names_and_two_of_them_are_open() {
        let names = LetterState::ALL.map(|state| (state.as_str(), state.is_open()));
        assert_eq!(names, [("waiting", true), ("redriving", true), ("redriven", false), ("discarded", false)]);
        for state in LetterState::ALL {
            assert_eq!(LetterState::try_from(state.as_str().to_owned()), Ok(state));
        }
        assert!(LetterState::try_from("sent".to_owned()).is_err());
    }
}
