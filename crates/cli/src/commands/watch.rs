//! `tmctl get … --watch`: a list, and then every object of it that changes.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;
use traffic_manager_client::{Client, Conditional, Error, Tag, types::ScopeFilter};

use crate::{
    failure::Failure,
    output::{Format, Printer, Row, natural, note},
};

/// The time for which the service holds a request.
const HOLD: Duration = Duration::from_secs(30);

/// The time after which a service is asked again that could not be reached.
const RETRY: Duration = Duration::from_secs(5);

/// What tells that a list has to be read again.
#[derive(Debug)]
pub enum Signal {
    /// A change of this part of the tenant.
    Tenant(String, ScopeFilter),
    /// Time. Nothing tells of the changes.
    Every(Duration),
}

impl Signal {
    /// Waits for the signal. The first time it is there at once: a change between the last read and
    /// this is seen by the next one.
    async fn wait(&self, client: &Client, tag: &mut Option<Tag>) -> Result<(), Error> {
        match self {
            Self::Tenant(tenant, scope) => {
                *tag = changed(client, tenant, scope, tag.take()).await?;
            }
            Self::Every(time) => sleep(*time).await,
        }
        Ok(())
    }
}

/// Waits until a part of a tenant is no longer at a tag. Without one, returns the present one at
/// once.
pub async fn changed(
    client: &Client,
    tenant: &str,
    scope: &ScopeFilter,
    tag: Option<Tag>,
) -> Result<Option<Tag>, Error> {
    let call = client.get_snapshot(tenant, scope);
    let Some(tag) = tag else {
        return Ok(call.await?.tag);
    };
    match call.wait(HOLD).unless(tag.clone()).await? {
        Conditional::Changed(read) => Ok(read.tag),
        Conditional::Unchanged { .. } => Ok(Some(tag)),
    }
}

/// Shows a list, and then what changes in it, until the command is ended.
pub async fn run<T: Row>(
    read: impl AsyncFn() -> Result<Vec<T>, Error>,
    signal: Signal,
    client: &Client,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut shown = Shown::<T>::new(printer)?;
    let mut tag = None;
    loop {
        let step = async {
            shown.show(read().await?, printer)?;
            signal.wait(client, &mut tag).await?;
            Ok::<_, Failure>(())
        };
        match step.await {
            Ok(()) => {}
            Err(failure) if failure.is_passing() => {
                note(&failure.to_string())?;
                sleep(RETRY).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The objects that were shown last.
struct Shown<T> {
    objects: BTreeMap<String, Value>,
    columns: Vec<&'static str>,
    /// The widths of the columns; empty before the first list.
    widths: Vec<usize>,
    row: std::marker::PhantomData<T>,
}

/// A line for programs.
#[derive(Serialize)]
struct Line<'a> {
    /// `present` in the first list; then `created`, `changed` or `deleted`.
    change: &'a str,
    name: &'a str,
    /// The object as it is now; `null` if it is deleted.
    object: Option<&'a Value>,
}

impl<T: Row> Shown<T> {
    fn new(printer: &Printer) -> Result<Self, Failure> {
        let columns = match printer.format() {
            Format::Table => T::COLUMNS.to_vec(),
            Format::Wide => [T::COLUMNS, T::WIDE].concat(),
            Format::Name | Format::Json => Vec::new(),
            Format::Yaml | Format::Csv => {
                let text = "what is watched has no such form";
                return Err(Failure::usage(text).hint("-o table, wide, name or json"));
            }
        };
        Ok(Self {
            objects: BTreeMap::new(),
            columns,
            widths: Vec::new(),
            row: std::marker::PhantomData,
        })
    }

    /// Shows what differs from the last list: in the first one, everything.
    fn show(&mut self, mut items: Vec<T>, printer: &mut Printer) -> Result<(), Failure> {
        items.sort_by(|a, b| natural(&a.name(), &b.name()));
        let is_first = self.widths.is_empty();
        if is_first {
            self.begin(&items, printer)?;
        }
        let mut old = std::mem::take(&mut self.objects);
        for item in items {
            let (name, object) = (item.key(), serde_json::to_value(&item)?);
            let change = match old.remove(&name) {
                Some(before) if before == object => None,
                Some(_) => Some("changed"),
                None if is_first => Some("present"),
                None => Some("created"),
            };
            if let Some(change) = change {
                self.line(change, &name, Some((&item, &object)), printer)?;
            }
            self.objects.insert(name, object);
        }
        for name in old.keys() {
            self.line("deleted", name, None, printer)?;
        }
        Ok(())
    }

    /// Fits the columns to the first list, and writes their names.
    fn begin(&mut self, items: &[T], printer: &mut Printer) -> Result<(), Failure> {
        let rows: Vec<_> = items.iter().map(Row::cells).collect();
        let width = |(at, column): (usize, &&str)| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(column.len())
        };
        self.widths = self.columns.iter().enumerate().map(width).collect();
        if self.columns.is_empty() {
            // Such a form has no columns, and no first line.
            self.widths.push(0);
            return Ok(());
        }
        let names = self.columns.iter().map(|name| (*name).to_owned());
        printer.line(&self.padded(&names.collect::<Vec<_>>()))
    }

    fn line(
        &self,
        change: &str,
        name: &str,
        object: Option<(&T, &Value)>,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let text = match (printer.format(), object) {
            (Format::Json, object) => {
                let object = object.map(|(_, object)| object);
                serde_json::to_string(&Line {
                    change,
                    name,
                    object,
                })?
            }
            (Format::Name, Some((item, _))) => item.name(),
            (Format::Name, None) => return Ok(()),
            (_, Some((item, _))) => self.padded(&item.cells()),
            (_, None) => self.padded(&[name.to_owned(), "(deleted)".to_owned()]),
        };
        printer.line(&text)
    }

    fn padded(&self, cells: &[String]) -> String {
        let cells = cells.iter().zip(&self.widths);
        let text: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        text.trim_end().to_owned()
    }
}
