//! Lists, page by page.

use std::{collections::VecDeque, fmt};

use serde::de::DeserializeOwned;

use super::{Call, Client, Error, Outcome as _, Read, request::Request};
use crate::types::Page;

/// The items of a list, over all its pages. At most one page is in memory.
pub struct Pages<T> {
    client: Client,
    /// The request of the next page; `None` after the last one.
    next: Option<Result<Request, Error>>,
    items: VecDeque<T>,
}

impl<T: DeserializeOwned + Send + 'static> Call<Read<Page<T>>> {
    /// Reads the list page by page, from the page that the call names.
    pub fn pages(self) -> Pages<T> {
        let (client, request) = self.into_parts();
        Pages {
            client,
            next: Some(request),
            items: VecDeque::new(),
        }
    }
}

impl<T: DeserializeOwned + Send + 'static> Pages<T> {
    /// Returns the next item; `None` after the last one. Nothing comes after an error.
    pub async fn try_next(&mut self) -> Result<Option<T>, Error> {
        while self.items.is_empty() {
            let Some(page) = self.next_page().await? else {
                return Ok(None);
            };
            self.items = page.into();
        }
        Ok(self.items.pop_front())
    }

    /// Returns the rest of the present page, or the next page.
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>, Error> {
        if !self.items.is_empty() {
            return Ok(Some(std::mem::take(&mut self.items).into()));
        }
        let Some(request) = self.next.take() else {
            return Ok(None);
        };
        let mut request = request?;
        let answer = self.client.send(&request, false).await?;
        let page: Page<T> = Read::receive(answer)?.value;
        if let Some(cursor) = page.next_cursor {
            request.set_query("cursor", &cursor);
            self.next = Some(Ok(request));
        }
        Ok(Some(page.items))
    }

    /// Collects all items that are left.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}
