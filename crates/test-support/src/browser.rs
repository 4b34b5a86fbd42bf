//! A browser at the web page: it keeps cookies, and says where a request comes from.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use reqwest::{
    Client, Method, RequestBuilder, Response,
    header::{COOKIE, SET_COOKIE},
    redirect,
};
use serde_json::json;

use crate::{TestApp, secure};

/// A browser of a person who has no credentials but a session.
pub struct Browser {
    client: Client,
    base: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// Opens a browser for the pages of this instance.
    pub fn of(app: &TestApp) -> Self {
        let client = secure::stranger().redirect(redirect::Policy::none());
        Self {
            client: client.build().expect("a client"),
            base: app.api.clone(),
            cookies: Mutex::default(),
        }
    }

    /// The same browser at another instance behind the same name.
    pub fn at(&self, app: &TestApp) -> Self {
        let cookies = Mutex::new(self.cookies.lock().clone());
        Self {
            cookies,
            ..Self::of(app)
        }
    }

    /// Prepares a request as our own page makes it. `path` starts after the host.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.plain(method.clone(), path);
        if method.is_safe() {
            return request;
        }
        request
            .header("tm-csrf", "1")
            .header("sec-fetch-site", "same-origin")
    }

    /// Prepares a request with the browser's cookies and nothing that tells where it comes from.
    pub fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let cookies: Vec<_> = self
            .cookies
            .lock()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if cookies.is_empty() {
            request
        } else {
            request.header(COOKIE, cookies.join("; "))
        }
    }

    /// Sends a request, and keeps the cookies of the answer.
    pub async fn send(&self, request: RequestBuilder) -> Response {
        let answer = request.send().await.expect("an answer");
        for line in answer.headers().get_all(SET_COOKIE) {
            let line = line.to_str().expect("ASCII");
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a cookie");
            let mut cookies = self.cookies.lock();
            if attributes.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Sends `GET`.
    pub async fn get(&self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    /// Presents a token at the sign-in.
    pub async fn present(&self, token: &str) -> Response {
        let request = self.request(Method::POST, "/ui/session");
        self.send(request.json(&json!({ "token": token }))).await
    }

    /// Signs in with a token that is good.
    pub async fn sign_in(&self, token: &str) {
        let answer = self.present(token).await;
        assert_eq!(answer.status(), 204, "{:?}", answer.text().await);
        assert!(self.session().is_some(), "a cookie of the session");
    }

    /// Signs out.
    pub async fn sign_out(&self) -> Response {
        self.send(self.request(Method::DELETE, "/ui/session")).await
    }

    /// Returns the session's cookie: its name and its value.
    pub fn session(&self) -> Option<(String, String)> {
        let cookies = self.cookies.lock();
        let of = |name: &str| Some((name.to_owned(), cookies.get(name)?.clone()));
        of("__Host-tm").or_else(|| of("tm"))
    }

    /// Puts this value into the session's cookie.
    pub fn set_session(&self, value: &str) {
        let (name, _) = self.session().expect("a session");
        self.cookies.lock().insert(name, value.to_owned());
    }

    /// Returns the names of the browser's cookies.
    pub fn cookie_names(&self) -> Vec<String> {
        self.cookies.lock().keys().cloned().collect()
    }

    /// Removes all cookies.
    pub fn clear(&self) {
        self.cookies.lock().clear();
    }

    /// Changes the value of each cookie.
    pub fn alter(&self, change: impl Fn(&str) -> String) {
        for value in self.cookies.lock().values_mut() {
            *value = change(value);
        }
    }
}
