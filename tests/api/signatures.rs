//! Signed snapshots: whoever has the public key can tell what the service served.

use std::path::PathBuf;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use traffic_manager::{
    domain::snapshot::{
        Scope,
        signature::{KeyId, Signatures, Statement},
    },
    signing::SigningKey,
};

use crate::{
    streams::Stream,
    support::{Answer, TestApp},
};

/// Two keys of a service, as files.
pub struct Keys {
    folder: PathBuf,
    public: Vec<[u8; 32]>,
}

impl Keys {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tm-signed-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let file = |name: &str| SigningKey::create(&folder.join(name)).unwrap().public();
        Self {
            public: vec![file("0.pem"), file("1.pem")],
            folder,
        }
    }

    pub fn setting(&self) -> String {
        let files: Vec<_> = (0..self.public.len())
            .map(|at| self.folder.join(format!("{at}.pem")).display().to_string())
            .collect();
        format!("dataplane.signing_keys={}", files.join(","))
    }

    /// Whether each key has signed exactly this.
    fn have_signed(&self, header: &str, scope: &Scope, tag: &str, digest: &str) -> bool {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digest, &mut bytes).unwrap();
        let statement = Statement {
            tenant: &"acme".parse().unwrap(),
            scope,
            tag: &tag.parse().unwrap(),
            digest: &bytes,
        };
        self.have_signed_text(&header.parse().unwrap(), &statement.to_string())
    }

    /// Whether each key has signed exactly this text.
    pub fn have_signed_text(&self, Signatures(all): &Signatures, text: &str) -> bool {
        assert_eq!(all.len(), self.public.len());
        all.iter().zip(&self.public).all(|((id, signature), key)| {
            assert_eq!(*id, KeyId::of(key));
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(text.as_bytes(), signature).is_ok()
        })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn put(app: &TestApp, route: &str, url: &str) -> Answer {
    app.put(&format!("/routes/acme/{route}"))
        .json(&json!({ "url": format!("http://{url}") }))
        .send()
        .await
}

fn scope(service: Option<&str>, env: Option<&str>) -> Scope {
    Scope {
        service: service.map(|name| name.parse().unwrap()),
        env: env.map(|name| name.parse().unwrap()),
    }
}

fn tag_of(body: &Value) -> String {
    format!("{}.{}", body["epoch"].as_str().unwrap(), body["revision"])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_a_snapshot_has_the_signatures_of_its_scope() {
    let keys = Keys::new();
    let app = TestApp::with(&[&keys.setting()]).await;
    put(&app, "web/prod/v1", "a").await;
    put(&app, "web/dev/v1", "b").await;
    let last = put(&app, "shop/prod/v1", "c").await;
    let narrow = [
        ("", scope(None, None)),
        ("?env=prod", scope(None, Some("prod"))),
        ("?service=web", scope(Some("web"), None)),
        ("?service=web&env=dev", scope(Some("web"), Some("dev"))),
    ];
    for (query, scope) in &narrow {
        let path = format!("/tenants/acme/snapshot{query}");
        let first = app.get(&path).expect(200).await;
        let (tag, digest) = (tag_of(&first.json), first.json["digest"].as_str().unwrap());
        let header = first.header("tm-signature");
        assert!(keys.have_signed(header, scope, &tag, digest), "{query}");
        // Neither another digest nor the state of another scope.
        let other = digest.replace(['0', 'a'], "1");
        assert!(!keys.have_signed(header, scope, &tag, &other));
        for (_, other) in narrow.iter().filter(|(_, other)| other != scope) {
            assert!(!keys.have_signed(header, other, &tag, digest), "{other:?}");
        }
        // The fast path, another coding, the ordinary path: the same signatures.
        for ask in [
            app.get(&path),
            app.get(&path).header("accept-encoding", "gzip"),
            app.get(&path).header("accept-encoding", "gzip"),
            app.get(&path).header("tm-min-revision", last.tag()),
            app.get(&path).header("prefer", "wait=1"),
        ] {
            assert_eq!(ask.expect(200).await.header("tm-signature"), header);
        }
        let same = app.get(&path).header("if-none-match", format!("\"{tag}\""));
        let same = same.expect(304).await;
        assert!(!same.headers.contains_key("tm-signature"));
    }
    let listed = app.get("/dataplane/keys").expect(200).await.json;
    let expected: Vec<_> = keys
        .public
        .iter()
        .map(|key| {
            json!({"id": KeyId::of(key).to_string(), "algorithm": "Ed25519", "public_key": hex::encode(key)})
        })
        .collect();
    assert_eq!(listed, json!({ "keys": expected }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_the_signatures_after_a_snapshot_and_after_each_revision() {
    let keys = Keys::new();
    let app = TestApp::with(&[&keys.setting()]).await;
    let first = put(&app, "web/prod/v1", "a").await;
    let mut all = Stream::open(&app, "", None).await;
    let mut prod = Stream::open(&app, "?env=prod", None).await;
    let (whole, narrow) = (scope(None, None), scope(None, Some("prod")));
    for (stream, scope) in [(&mut all, &whole), (&mut prod, &narrow)] {
        let snapshot = stream.change().await;
        let (tag, digest) = (tag_of(&snapshot.data), &snapshot.data["digest"]);
        let signed = stream.change().await;
        assert_eq!(
            (signed.name.as_str(), signed.id.as_str()),
            ("signature", "")
        );
        assert_eq!(
            (&signed.data["tag"], &signed.data["digest"]),
            (&json!(tag), digest)
        );
        let signature = signed.data["signature"].as_str().unwrap();
        assert!(keys.have_signed(signature, scope, &tag, digest.as_str().unwrap()));
    }
    for (at, route) in ["web/dev/v1", "web/prod/v2", "shop/prod/v1"]
        .iter()
        .enumerate()
    {
        let changed = put(&app, route, &format!("host-{at}")).await;
        let mut streams = vec![(&mut all, "", &whole)];
        if route.contains("/prod/") {
            streams.push((&mut prod, "?env=prod", &narrow));
        }
        for (stream, query, scope) in streams {
            let change = stream.change().await;
            assert_eq!(
                (change.name.as_str(), &change.id),
                ("change", &changed.tag())
            );
            let signed = stream.change().await;
            assert_eq!(signed.name, "signature");
            let now = app
                .get(&format!("/tenants/acme/snapshot{query}"))
                .expect(200)
                .await;
            assert_eq!(signed.data["tag"], changed.tag());
            assert_eq!(signed.data["digest"], now.json["digest"]);
            assert_eq!(signed.data["signature"], now.header("tm-signature"));
            let (signature, digest) = (&signed.data["signature"], &signed.data["digest"]);
            let [signature, digest] = [signature, digest].map(|one| one.as_str().unwrap());
            assert!(keys.have_signed(signature, scope, &changed.tag(), digest));
        }
    }
    // Who comes back gets all revisions, and the signature of the last.
    let mut back = Stream::open(&app, "", Some(&first.tag())).await;
    for _ in 0..3 {
        assert_eq!(back.change().await.name, "change");
    }
    let signed = back.change().await;
    let now = app.get("/tenants/acme/snapshot").expect(200).await;
    assert_eq!(signed.data["signature"], now.header("tm-signature"));
    // Who has them all may have been cut off before the signature.
    let mut again = Stream::open(&app, "", Some(&now.tag())).await;
    assert_eq!(again.change().await.data, signed.data);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nothing_is_signed() {
    let app = TestApp::start().await;
    put(&app, "web/prod/v1", "a").await;
    for _ in 0..2 {
        let snapshot = app.get("/tenants/acme/snapshot").expect(200).await;
        assert!(!snapshot.headers.contains_key("tm-signature"));
    }
    let mut stream = Stream::open(&app, "", None).await;
    assert_eq!(stream.change().await.name, "snapshot");
    put(&app, "web/prod/v1", "b").await;
    put(&app, "web/prod/v1", "c").await;
    for _ in 0..2 {
        assert_eq!(stream.change().await.name, "change");
    }
    let listed = app.get("/dataplane/keys").expect(200).await.json;
    assert_eq!(listed, json!({ "keys": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_of_an_agent_has_the_public_keys() {
    let keys = Keys::new();
    let app = TestApp::with(&[&keys.setting()]).await;
    put(&app, "web/prod/v1", "a").await;
    let path = "/dataplane/nginx/bootstrap?tenant=acme&transport=agent&node=edge-7";
    let text = String::from_utf8(app.get(path).expect(200).await.bytes).unwrap();
    for key in &keys.public {
        assert!(text.contains(&hex::encode(key)), "{text}");
    }
    assert!(text.contains("name = \"edge-7\"") && text.contains("dialect = \"nginx\""));
}
