//! Dead letters: their place, their state and the decisions about them, without their content.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};

use super::{Invalid, time::UtcTime};

/// The place of a dead letter in its topic, `<partition>-<offset>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct DeadLetterId {
    /// The partition, from 0.
    pub partition: i32,
    /// The offset in the partition, from 0.
    pub offset: i64,
}

/// The most digits of a partition and of an offset. A regular expression can express this limit,
/// but not the bounds of `i32` and `i64`.
const DIGITS: (usize, usize) = (9, 18);

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.offset)
    }
}

impl Serialize for DeadLetterId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for DeadLetterId {
    type Err = Invalid;

    /// Reads only the form that `Display` prints, so that one place has one name.
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        let parsed = raw
            .split_once('-')
            .filter(|(partition, offset)| partition.len() <= DIGITS.0 && offset.len() <= DIGITS.1);
        let parsed = parsed.and_then(|(partition, offset)| {
            let id = Self {
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
            };
            (id.partition >= 0 && id.offset >= 0 && id.to_string() == raw).then_some(id)
        });
        parsed.ok_or_else(|| {
            Invalid::new("not_a_letter", "must be <partition>-<offset>, such as 0-17")
        })
    }
}

impl TryFrom<String> for DeadLetterId {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

/// Identifies a dead letter beyond doubt: its place, and the time when the broker took it. If a
/// topic is deleted and created again, other dead letters have the same places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeadLetterKey {
    /// The place in the topic.
    pub id: DeadLetterId,
    /// The time when the message was dead-lettered, by the broker's clock, to the millisecond.
    pub at: UtcTime,
}

/// The state of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterState {
    /// Nobody has made a decision yet.
    Waiting,
    /// A redrive was decided, but its outcome is not known. Another redrive is harmless.
    Redriving,
    /// The dead letter was sent again.
    Redriven,
    /// The dead letter is not needed; the decision has the reason.
    Discarded,
}

impl DeadLetterState {
    /// All states of a dead letter.
    pub const ALL: [Self; 4] = [
        Self::Waiting,
        Self::Redriving,
        Self::Redriven,
        Self::Discarded,
    ];

    /// The state's name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Redriving => "redriving",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }

    /// Whether somebody still has to act on the dead letter.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Redriving)
    }
}

impl TryFrom<String> for DeadLetterState {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let known = Self::ALL.into_iter().find(|state| state.as_str() == raw);
        known.ok_or_else(|| Invalid::new("unknown_state", format!("must be one of {}", names())))
    }
}

/// A decision about a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The state after the decision. Never `Waiting`.
    #[serde(skip)]
    pub state: DeadLetterState,
    /// The reason, in the words of the actor that decided.
    pub reason: Option<String>,
    /// The id of the actor that decided.
    pub decided_by: String,
    /// The time of the decision.
    pub decided_at: UtcTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letter_id_has_exactly_one_spelling() {
        let id = DeadLetterId {
            partition: 0,
            offset: 17,
        };
        assert_eq!("0-17".parse::<DeadLetterId>().unwrap(), id);
        assert_eq!(id.to_string(), "0-17");
        for wrong in [
            "",
            "17",
            "0-",
            "-1",
            "+0-1",
            "0-+1",
            "00-1",
            "0-01",
            "0--1",
            "-0-1",
            "0-9223372036854775808",
            "0-1-2",
        ] {
            assert!(wrong.parse::<DeadLetterId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn dead_letter_id_has_no_more_digits_than_documented() {
        assert_eq!(
            "999999999-999999999999999999"
                .parse::<DeadLetterId>()
                .unwrap()
                .offset,
            999_999_999_999_999_999
        );
        for wrong in ["1000000000-0", "0-1000000000000000000"] {
            assert!(wrong.parse::<DeadLetterId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn dead_letter_states_round_trip_and_two_are_open() {
        let names = DeadLetterState::ALL.map(|state| (state.as_str(), state.is_open()));
        assert_eq!(
            names,
            [
                ("waiting", true),
                ("redriving", true),
                ("redriven", false),
                ("discarded", false)
            ]
        );
        for state in DeadLetterState::ALL {
            assert_eq!(
                DeadLetterState::try_from(state.as_str().to_owned()),
                Ok(state)
            );
        }
        assert!(DeadLetterState::try_from("sent".to_owned()).is_err());
    }
}
