//! Keys, and tokens signed with them, with any header and any claims.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::Jwk};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize,
};
use serde_json::{Value, json};
use traffic_manager::auth::jwt::Now;

use crate::issuer::{AUDIENCE, NAME};

/// A private key with its JWK.
pub struct Signer {
    pub kid: String,
    pub algorithm: Algorithm,
    pub jwk: Value,
    pub public_pem: String,
    pub public_der: Vec<u8>,
    key: EncodingKey,
}

impl Signer {
    /// The issuer's RSA key. The process makes one only, since making one takes a while.
    pub fn rsa() -> &'static Self {
        static KEY: OnceLock<Signer> = OnceLock::new();
        KEY.get_or_init(|| Self::new_rsa("rsa-1"))
    }

    /// A stranger's RSA key, under the name of the issuer's key.
    pub fn stranger() -> &'static Self {
        static KEY: OnceLock<Signer> = OnceLock::new();
        KEY.get_or_init(|| Self::new_rsa("rsa-1"))
    }

    fn new_rsa(kid: &str) -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).expect("a key");
        let jwk =
            serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).expect("a JWK"))
                .expect("JSON");
        Self::new(kid, Algorithm::RS256, &pair, key, jwk)
    }

    pub fn ec(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).expect("a key");
        // The point is 0x04, then both coordinates.
        let point = pair.der_bytes();
        let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": base64(&point[1..33]), "y": base64(&point[33..]) });
        Self::new(kid, Algorithm::ES256, &pair, key, jwk)
    }

    pub fn ed(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let key = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).expect("a key");
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": base64(pair.der_bytes()) });
        Self::new(kid, Algorithm::EdDSA, &pair, key, jwk)
    }

    fn new(
        kid: &str,
        algorithm: Algorithm,
        pair: &KeyPair,
        key: EncodingKey,
        mut jwk: Value,
    ) -> Self {
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        let (public_pem, public_der) = (pair.public_key_pem(), pair.subject_public_key_info());
        Self {
            kid: kid.to_owned(),
            algorithm,
            jwk,
            public_pem,
            public_der,
            key,
        }
    }

    /// Signs a token in the issuer's form.
    pub fn token(&self, claims: &Value) -> String {
        self.with_header(&self.header(), claims)
    }

    pub fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": format!("{:?}", self.algorithm), "kid": self.kid })
    }

    /// Signs a token with this header. The signature uses this key and its algorithm, whatever the
    /// header says.
    pub fn with_header(&self, header: &Value, claims: &Value) -> String {
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// The same with texts for header and claims.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        sign(header, claims, &self.key, self.algorithm)
    }

    /// The same with another algorithm of the key.
    pub fn sign_as(&self, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
        sign(
            &header.to_string(),
            &claims.to_string(),
            &self.key,
            algorithm,
        )
    }
}

/// Signs a token with this header, with HS256 and a shared secret.
pub fn sign_with_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    sign(
        &header.to_string(),
        &claims.to_string(),
        &EncodingKey::from_secret(secret),
        Algorithm::HS256,
    )
}

fn sign(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = unsigned(header, claims);
    let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
}

/// Returns the first two parts of a token.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!(
        "{}.{}",
        base64(header.as_bytes()),
        base64(claims.as_bytes())
    )
}

pub fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the claims of an editor of `acme`, with these members changed; `null` removes a member.
pub fn claims(now: Now, changes: Value) -> Value {
    let now = now.unix.floor();
    let mut claims = json!({
        "iss": NAME, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300.0, "tenant": "acme", "roles": ["editor"],
    });
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    for (name, value) in changes {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}
