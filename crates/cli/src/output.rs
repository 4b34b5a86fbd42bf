//! What goes to standard output. A reader that closes it early, such as `head`, ends the command
//! without an error.

use std::{
    cmp::Ordering,
    io::{self, IsTerminal as _, Write as _},
};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::Failure;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    Table,
    /// More columns
    Wide,
    /// Only names, one on each line
    Name,
    /// JSON, as the API has it
    Json,
    /// The same as YAML
    Yaml,
    /// All columns, as CSV with a header
    Csv,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Writes to standard output.
pub struct Printer {
    format: Format,
    out: AutoStream<io::Stdout>,
}

/// An object of a list.
pub trait Row: Serialize {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];
    /// The names of the further columns of wide tables.
    const WIDE: &'static [&'static str];

    /// Returns the name.
    fn name(&self) -> String;

    /// Returns what is the same for no two rows of a list.
    fn key(&self) -> String {
        self.name()
    }

    /// Returns the cells of all columns, the wide ones at the end.
    fn cells(&self) -> Vec<String>;
}

impl Printer {
    pub fn new(format: Format, color: Color) -> Self {
        let choice = match color {
            Color::Auto => AutoStream::choice(&io::stdout()),
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            format,
            out: AutoStream::new(io::stdout(), choice),
        }
    }

    /// Returns the form of the output.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns whether the output is for people.
    pub fn is_for_people(&self) -> bool {
        matches!(self.format, Format::Table | Format::Wide | Format::Name)
    }

    /// Writes a line.
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        io::stdout().write_all(bytes)?;
        Ok(())
    }

    /// Writes a value as JSON or YAML; returns false if the format is another one.
    pub fn value(&mut self, value: &impl Serialize) -> Result<bool, Failure> {
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(value)? + "\n",
            // From JSON values, so that every reader of YAML understands it.
            Format::Yaml => traffic_manager_yaml::document(&serde_json::to_value(value)?)?,
            _ => return Ok(false),
        };
        write!(self.out, "{text}")?;
        Ok(true)
    }

    /// Writes a list, sorted by name.
    pub fn list<T: Row>(&mut self, mut items: Vec<T>) -> Result<(), Failure> {
        items.sort_by(|a, b| natural(&a.name(), &b.name()));
        self.list_in_order(&items)
    }

    /// Writes a list in its own order.
    pub fn list_in_order<T: Row>(&mut self, items: &[T]) -> Result<(), Failure> {
        if self.value(&items)? {
            return Ok(());
        }
        let all = [T::COLUMNS, T::WIDE].concat();
        match self.format {
            Format::Name => items.iter().try_for_each(|item| self.line(&item.name())),
            Format::Csv => self.csv(&all, items),
            Format::Wide => self.table(&all, items.iter().map(Row::cells)),
            _ => self.table(T::COLUMNS, items.iter().map(Row::cells)),
        }
    }

    /// Writes one object: as itself, or as a list of one.
    pub fn object<T: Row>(&mut self, item: T) -> Result<(), Failure> {
        if self.value(&item)? {
            return Ok(());
        }
        self.list_in_order(&[item])
    }

    /// Writes a table. Cells beyond the columns are left out.
    pub fn table(
        &mut self,
        columns: &[&str],
        rows: impl Iterator<Item = Vec<String>>,
    ) -> Result<(), Failure> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.to_vec());
        let mut count = 0;
        for mut row in rows {
            row.truncate(columns.len());
            table.add_row(row);
            count += 1;
        }
        if count == 0 {
            return note("nothing found");
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text: String = table
            .lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect();
        write!(self.out, "{text}")?;
        Ok(())
    }

    fn csv<T: Row>(&mut self, columns: &[&str], items: &[T]) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_writer(&mut self.out);
        let cannot = |error: csv::Error| match error.into_kind() {
            csv::ErrorKind::Io(error) => Failure::from(error),
            other => Failure::usage(format!("cannot be written as CSV: {other:?}")),
        };
        writer.write_record(columns).map_err(cannot)?;
        for item in items {
            writer.write_record(item.cells()).map_err(cannot)?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// Writes a line for people to standard error.
pub fn note(text: &str) -> Result<(), Failure> {
    match writeln!(anstream::stderr(), "{text}") {
        // Whoever does not read the notes still gets the output.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Asks a question with yes and no. Without a terminal there is nobody to ask.
pub fn ask(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask on").hint("--yes"));
    }
    write!(anstream::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Colours a text.
pub fn colored(text: &str, color: AnsiColor) -> String {
    let style = Style::new().fg_color(Some(color.into()));
    format!("{style}{text}{style:#}")
}

/// Returns a time with microseconds, so that times of a column have one width.
pub fn time(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Compares names as people do: `v2` before `v10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (a, b) = (pieces(a), pieces(b));
    a.cmp(&b)
}

/// Splits a text into numbers and the texts between them. A number is compared by its length
/// without leading zeros, and then by its digits.
fn pieces(text: &str) -> Vec<(&str, usize, &str)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (words, after) = rest.split_at(digits);
        let end = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        let (number, after) = after.split_at(end);
        let number = number.trim_start_matches('0');
        pieces.push((words, number.len(), number));
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sorted_by_their_numbers() {
        let mut names = ["v10", "v2", "v2-rc1", "a", "v1.10.0", "v1.9.12"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "v1.9.12", "v1.10.0", "v2", "v2-rc1", "v10"]);
    }
}
