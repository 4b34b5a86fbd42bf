//! The query of a request: each parameter once, and none that the path does not know.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use traffic_manager_core::{
    Invalid,
    policy::{HeaderName, QueryName},
};

use super::problem::Problem;

/// The most `header.<name>` parameters, and the most `query.<name>` parameters.
const MAX_NAMED: usize = 32;
/// The longest value, in bytes.
const MAX_VALUE: usize = 4096;

/// The parameters of a query that are not taken yet.
#[derive(Debug)]
pub struct Query {
    rest: BTreeMap<String, String>,
    /// The parameters `header.<name>`, by names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The parameters `query.<name>`.
    pub query: BTreeMap<String, String>,
}

impl Query {
    /// Reads a query. Refuses doubled parameters and long values.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let mut read = Self {
            rest: BTreeMap::new(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
        };
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            read.add(&name, value.into_owned())
                .map_err(|invalid| Problem::field(&format!("?{name}"), &invalid))?;
        }
        Ok(read)
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), Invalid> {
        if value.len() > MAX_VALUE {
            let limit = format!("at most {MAX_VALUE} bytes");
            return Err(Invalid::new("too_long", limit));
        }
        let (of_kind, own) = if let Some(header) = name.strip_prefix("header.") {
            let header = HeaderName::try_from(header.to_owned())?;
            (&mut self.headers, header.as_str().to_owned())
        } else if let Some(parameter) = name.strip_prefix("query.") {
            let parameter = QueryName::try_from(parameter.to_owned())?;
            (&mut self.query, parameter.as_str().to_owned())
        } else {
            (&mut self.rest, name.to_owned())
        };
        if of_kind.insert(own, value).is_some() {
            return Err(Invalid::new("duplicate", "may be given once"));
        }
        if of_kind.len() > MAX_NAMED {
            let limit = format!("at most {MAX_NAMED} headers, and as many query parameters");
            return Err(Invalid::new("too_many", limit));
        }
        Ok(())
    }

    /// Takes the text of a parameter, if it is there.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.rest.remove(name)
    }

    /// Takes a parameter, if it is there.
    pub fn optional<T: FromStr<Err = Invalid>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let value = self.text(name).map(|text| text.parse()).transpose();
        value.map_err(|invalid| Problem::field(&format!("?{name}"), &invalid))
    }

    /// Takes a parameter that must be there.
    pub fn required<T: FromStr<Err = Invalid>>(&mut self, name: &str) -> Result<T, Problem> {
        self.optional(name)?
            .ok_or_else(|| refused(name, "required", "is required"))
    }

    /// Takes a parameter that is `true` or `false`; false if it is not there.
    pub fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.text(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(refused(name, "wrong_type", "must be true or false")),
        }
    }

    /// Refuses all that was not taken.
    pub fn finish(self) -> Result<(), Problem> {
        let named = |(kind, names): (&str, BTreeMap<String, String>)| {
            names.into_keys().next().map(|name| format!("{kind}{name}"))
        };
        let rest = [
            ("", self.rest),
            ("header.", self.headers),
            ("query.", self.query),
        ];
        match rest.into_iter().find_map(named) {
            Some(name) => Err(refused(&name, "unknown_parameter", "is not known here")),
            None => Ok(()),
        }
    }
}

/// 422 for a parameter.
pub fn refused(name: &str, code: &'static str, why: impl Display) -> Problem {
    Problem::field(&format!("?{name}"), &Invalid::new(code, why.to_string()))
}
