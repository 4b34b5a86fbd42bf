//! The choice of keys from a JWKS, and of the algorithm of each key.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use traffic_manager::auth::jwt::{Now, TokenRefusal};

use crate::{
    issuer::Issuer,
    signer::{Signer, claims, sign_with_secret},
};

/// The signer's JWK with these members changed; `null` removes a member.
fn jwk(signer: &Signer, changes: Value) -> Value {
    let mut jwk = signer.jwk.clone();
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    for (name, value) in changes {
        if value.is_null() {
            jwk.as_object_mut().expect("an object").remove(&name);
        } else {
            jwk[name] = value;
        }
    }
    jwk
}

/// A name, a JWKS, settings, a token, and the expected result.
type Row = (
    &'static str,
    Vec<Value>,
    &'static [&'static str],
    String,
    Result<(), TokenRefusal>,
);

fn purposes(now: Now, ec: &Signer) -> Vec<Row> {
    let token = || ec.token(&claims(now, json!({})));
    let unknown = Err(TokenRefusal::UnknownKey);
    vec![
        ("use sig", vec![jwk(ec, json!({}))], &[], token(), Ok(())),
        (
            "no use",
            vec![jwk(ec, json!({ "use": null }))],
            &[],
            token(),
            Ok(()),
        ),
        (
            "use enc",
            vec![jwk(ec, json!({ "use": "enc" }))],
            &[],
            token(),
            unknown,
        ),
        (
            "another use",
            vec![jwk(ec, json!({ "use": "SIG" }))],
            &[],
            token(),
            unknown,
        ),
        (
            "to verify with",
            vec![jwk(ec, json!({ "key_ops": ["verify"] }))],
            &[],
            token(),
            Ok(()),
        ),
        (
            "to encrypt with",
            vec![jwk(ec, json!({ "key_ops": ["encrypt", "wrapKey"] }))],
            &[],
            token(),
            unknown,
        ),
        (
            "no alg",
            vec![jwk(ec, json!({ "alg": null }))],
            &[],
            token(),
            Ok(()),
        ),
        (
            "alg of another type",
            vec![jwk(ec, json!({ "alg": "RS256" }))],
            &[],
            token(),
            unknown,
        ),
        (
            "alg of another curve",
            vec![jwk(ec, json!({ "alg": "ES384" }))],
            &["algorithms=ES256,ES384"],
            token(),
            unknown,
        ),
        (
            "a symmetric alg",
            vec![jwk(ec, json!({ "alg": "HS256" }))],
            &[],
            token(),
            unknown,
        ),
        (
            "alg none",
            vec![jwk(ec, json!({ "alg": "none" }))],
            &[],
            token(),
            unknown,
        ),
        (
            "not configured",
            vec![jwk(ec, json!({}))],
            &["algorithms=RS256"],
            token(),
            unknown,
        ),
        (
            "an empty kid",
            vec![jwk(ec, json!({ "kid": "" }))],
            &[],
            token(),
            unknown,
        ),
    ]
}

fn names(now: Now, ec: &Signer, other: &Signer) -> Vec<Row> {
    let good = claims(now, json!({}));
    let (named, nameless) = (
        ec.token(&good),
        ec.with_header(&json!({ "alg": "ES256" }), &good),
    );
    let without = || jwk(ec, json!({ "kid": null }));
    let unknown = Err(TokenRefusal::UnknownKey);
    let junk = [
        json!(7),
        json!({}),
        json!({ "kty": "XYZ", "kid": "k1" }),
        json!({ "kty": "EC", "crv": "P-256", "kid": "k1" }),
    ];
    let encryption = jwk(other, json!({ "use": "enc" }));
    vec![
        (
            "the only key, without a name",
            vec![without()],
            &[],
            nameless.clone(),
            Ok(()),
        ),
        (
            "the only key for signatures",
            vec![without(), encryption],
            &[],
            nameless.clone(),
            Ok(()),
        ),
        (
            "the only key, by another name",
            vec![without()],
            &[],
            named.clone(),
            unknown,
        ),
        (
            "the only key, without its name",
            vec![jwk(ec, json!({}))],
            &[],
            nameless.clone(),
            Ok(()),
        ),
        (
            "one of two, without a name",
            vec![without(), other.jwk.clone()],
            &[],
            nameless.clone(),
            unknown,
        ),
        (
            "one of two, without its name",
            vec![ec.jwk.clone(), other.jwk.clone()],
            &[],
            nameless,
            unknown,
        ),
        (
            "two keys of one name",
            vec![ec.jwk.clone(), jwk(other, json!({ "kid": ec.kid }))],
            &[],
            named.clone(),
            unknown,
        ),
        (
            "among unknown kinds of keys",
            [&junk[..], std::slice::from_ref(&ec.jwk)].concat(),
            &[],
            named,
            Ok(()),
        ),
    ]
}

fn algorithms(now: Now, rsa: &Signer) -> Vec<Row> {
    let good = claims(now, json!({}));
    let pss = || {
        rsa.sign_as(
            Algorithm::PS256,
            &json!({ "alg": "PS256", "kid": rsa.kid }),
            &good,
        )
    };
    let pkcs = || rsa.token(&good);
    let any = || vec![jwk(rsa, json!({ "alg": null }))];
    let for_pss = || vec![jwk(rsa, json!({ "alg": "PS256" }))];
    let both: &[&str] = &["algorithms=RS256,PS256"];
    let wrong = Err(TokenRefusal::WrongAlgorithm);
    let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let padded = URL_SAFE_NO_PAD.encode([&[0; 128][..], &[0xff; 128]].concat());
    let secret = URL_SAFE_NO_PAD.encode(b"a shared secret of thirty-two by");
    let symmetric = json!({ "kty": "oct", "kid": rsa.kid, "alg": "HS256", "k": secret });
    let by_secret = sign_with_secret(
        b"a shared secret of thirty-two by",
        &json!({ "alg": "HS256", "kid": rsa.kid }),
        &good,
    );
    vec![
        ("the first that fits, RS256", any(), both, pkcs(), Ok(())),
        ("the first that fits, not PS256", any(), both, pss(), wrong),
        (
            "the only one that fits",
            any(),
            &["algorithms=ES256,PS256"],
            pss(),
            Ok(()),
        ),
        ("the key's own algorithm", for_pss(), both, pss(), Ok(())),
        (
            "an algorithm other than the key's own",
            for_pss(),
            both,
            pkcs(),
            wrong,
        ),
        (
            "the key's own algorithm, not configured",
            for_pss(),
            &["algorithms=RS256"],
            pss(),
            Err(TokenRefusal::UnknownKey),
        ),
        (
            "1024 bits",
            vec![jwk(rsa, json!({ "n": short }))],
            &[],
            pkcs(),
            Err(TokenRefusal::UnknownKey),
        ),
        (
            "1024 bits behind zeros",
            vec![jwk(rsa, json!({ "n": padded }))],
            &[],
            pkcs(),
            Err(TokenRefusal::UnknownKey),
        ),
        (
            "no modulus",
            vec![jwk(rsa, json!({ "n": "" }))],
            &[],
            pkcs(),
            Err(TokenRefusal::UnknownKey),
        ),
        (
            "a shared secret",
            vec![symmetric],
            &[],
            by_secret,
            Err(TokenRefusal::UnknownKey),
        ),
    ]
}

#[tokio::test]
async fn signing_key_is_used_only_for_its_declared_purpose() {
    let now = Now::read();
    let (ec, other) = (Signer::ec("k1"), Signer::ec("k2"));
    let issuer = Issuer::with(&[]);
    let rows = [
        purposes(now, &ec),
        names(now, &ec, &other),
        algorithms(now, Signer::rsa()),
    ]
    .concat();
    let mut faults = Vec::new();
    for (what, keys, settings, token, expected) in rows {
        issuer.give_json(&json!({ "keys": keys }));
        let verifier = issuer.ready(settings, now).await;
        let result = verifier.verify_at(&token, now).await.map(|_| ());
        if result != expected {
            faults.push(format!("{what}: {result:?}, not {expected:?}"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
