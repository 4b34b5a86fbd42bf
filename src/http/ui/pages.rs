//! The files of the web page. They are a part of the program, and are compressed when somebody first asks for them.

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, EntityTag, Header as _, HeaderName, IfNoneMatch},
    },
    web,
};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    coding::{Coding, Effort},
    http::{
        compression::{WORTH_IT, accepted},
        permission::Anyone,
        problem::{Code, Problem},
    },
};

/// The `Content-Security-Policy` of the page: it loads files of this service only, calls this
/// service only, and cannot turn text into markup or code (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// Devices and features that the page does not use.
const NO_PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
                              midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()";

/// The file that answers every path of the page itself.
const PAGE: &str = "index.html";

/// The folder of files whose names change with their content.
const HASHED: &str = "assets/";

/// Media types that are texts, besides `text/…`: compressing them is worth it.
const TEXTS: [&str; 5] = [
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/wasm",
    "image/svg+xml",
];

#[derive(rust_embed::Embed)]
#[folder = "ui/dist"]
struct Embedded;

/// The files of the web page.
pub struct Pages {
    is_on: bool,
    files: HashMap<String, PageFile>,
}

/// A file in each coding.
struct PageFile {
    content_type: String,
    digest: String,
    is_hashed: bool,
    plain: Bytes,
    /// Whether the file is compressed at all.
    is_worth_it: bool,
    zstd: OnceLock<Option<Bytes>>,
    gzip: OnceLock<Option<Bytes>>,
}

impl Pages {
    /// Prepares the files that this program was built with.
    pub fn embedded(is_on: bool) -> Self {
        let files = Embedded::iter().filter_map(|name| {
            let file = Embedded::get(&name)?;
            Some((name.into_owned(), file.data))
        });
        Self::new(is_on, files)
    }

    /// Prepares these files. Notes of the build are left out.
    fn new(is_on: bool, files: impl Iterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let is_served = |(name, _): &(String, _)| name != "SOURCE" && !name.starts_with('.');
        Self {
            is_on,
            files: files
                .filter(is_served)
                .map(|(name, data)| {
                    let file = PageFile::new(&name, data);
                    (name, file)
                })
                .collect(),
        }
    }

    /// Fails if the page is off.
    pub fn on(&self) -> Result<(), Problem> {
        let off = || Problem::new(Code::NotFound, "the web page is off: see ui.enabled");
        self.is_on.then_some(()).ok_or_else(off)
    }

    /// Returns the file of a path. A path that is no file is a place within the page; but a missing
    /// file of the build is missing, because a page in place of a script is a blank screen.
    fn find(&self, path: &str) -> Result<&PageFile, Problem> {
        self.on()?;
        if let Some(file) = self.files.get(path) {
            return Ok(file);
        }
        if path.starts_with(HASHED) {
            return Err(Problem::new(Code::NotFound, "no such file of the web page"));
        }
        self.files.get(PAGE).ok_or_else(|| {
            Problem::new(
                Code::NotFound,
                "this program was built without the web page: run make ui, and build it again",
            )
        })
    }
}

impl PageFile {
    fn new(name: &str, data: Cow<'static, [u8]>) -> Self {
        let guess = mime_guess::from_path(name).first_or_octet_stream();
        let is_text = guess.type_() == "text" || TEXTS.contains(&guess.essence_str());
        let content_type = match guess.type_().as_str() {
            "text" => format!("{guess}; charset=utf-8"),
            _ => guess.to_string(),
        };
        let plain = match data {
            Cow::Borrowed(data) => Bytes::from_static(data),
            Cow::Owned(data) => Bytes::from(data),
        };
        Self {
            content_type,
            digest: hex::encode(&Sha256::digest(&plain)[..16]),
            is_hashed: name.starts_with(HASHED),
            is_worth_it: is_text && plain.len() >= WORTH_IT,
            zstd: OnceLock::new(),
            gzip: OnceLock::new(),
            plain,
        }
    }

    /// Returns the bytes in a coding, if they are fewer. They are made for the first request that wants them: a service
    /// whose page nobody opens spends no time on it when it starts.
    fn coded(&self, coding: Coding) -> Option<&Bytes> {
        let kept = match coding {
            Coding::Zstd => &self.zstd,
            Coding::Gzip => &self.gzip,
            Coding::Identity => return None,
        };
        let encode = || {
            let coded = coding.encode(self.plain.clone(), Effort::Kept).ok()?;
            (coded.len() < self.plain.len()).then_some(coded)
        };
        kept.get_or_init(|| self.is_worth_it.then(encode).flatten())
            .as_ref()
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let accepted = accepted(request);
        let (name, body) = match self.coded(accepted) {
            Some(body) => (accepted.name(), body),
            None => (None, &self.plain),
        };
        let tag = match name {
            Some(name) => EntityTag::new_strong(format!("{}-{name}", self.digest)),
            None => EntityTag::new_strong(self.digest.clone()),
        };
        let is_seen = match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|seen| seen.weak_eq(&tag)),
            Err(_) => false,
        };
        let mut response = if is_seen {
            guarded(StatusCode::NOT_MODIFIED)
        } else {
            guarded(StatusCode::OK)
        };
        response.insert_header((header::ETAG, tag.to_string()));
        response.insert_header((header::VARY, "accept-encoding"));
        response.insert_header((
            header::CACHE_CONTROL,
            if self.is_hashed {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            },
        ));
        if is_seen {
            return response.finish();
        }
        if let Some(name) = name {
            response.insert_header((header::CONTENT_ENCODING, name));
        }
        response
            .content_type(self.content_type.as_str())
            .body(body.clone())
    }
}

/// Begins an answer for a browser, with the headers that guard a page. The middleware adds those of
/// every answer.
fn guarded(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((OPENER_POLICY, "same-origin"))
        .insert_header((PERMISSIONS, NO_PERMISSIONS));
    response
}

/// Begins the answer of a page that is made for one request.
pub(super) fn made_page() -> HttpResponseBuilder {
    let mut response = guarded(StatusCode::OK);
    response.content_type("text/html; charset=utf-8");
    response
}

/// `GET /ui`: redirects to `/ui/`, because the page's own links are relative to that path.
pub async fn home(_: Anyone, pages: web::Data<Pages>) -> Result<HttpResponse, Problem> {
    pages.on()?;
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/ui/"))
        .finish())
}

/// `GET /ui/…`: a file of the page, or the page itself.
pub async fn file(
    _: Anyone,
    pages: web::Data<Pages>,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Ok(pages.find(&path)?.answer(&request))
}

#[cfg(test)]
mod tests;
