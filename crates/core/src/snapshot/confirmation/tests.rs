use proptest::prelude::*;

use super::*;
use crate::{
    removal::Removal,
    snapshot::signature::{KeyId, SIGNATURE},
};

fn scope(service: &str, env: &str) -> Scope {
    let parsed = |name: &str| (name != "*").then_some(name.to_owned());
    Scope {
        service: parsed(service).map(|name| name.parse().unwrap()),
        env: parsed(env).map(|name| name.parse().unwrap()),
    }
}

fn removed(service: &str, env: &str) -> ConfirmedRemoval {
    let Scope { service, env } = scope(service, env);
    ConfirmedRemoval {
        tag: "00c0ffee00c0ffee.41".parse().unwrap(),
        removal: Removal {
            env,
            left_routes: 3,
            removed_policies: 5,
            removed_routes: 97,
            service,
        },
    }
}

fn signed(confirmation: Confirmation) -> SignedConfirmation {
    let signatures = [1, 2].map(|at| (KeyId::of(&[at; 32]), [at; SIGNATURE]));
    SignedConfirmation {
        confirmation,
        signatures: Signatures(signatures.into()),
    }
}

#[test]
fn signed_text_names_the_tenant_and_everything_else() {
    let confirmation = Confirmation::of(&removed("*", "prod"), &scope("*", "*")).unwrap();
    assert_eq!(
        confirmation.text(&"acme".parse().unwrap()),
        "tm-confirmed/v1\nacme\n00c0ffee00c0ffee.41 service=* env=prod routes=97 policies=5 left=3\n"
    );
}

#[test]
fn statement_is_about_what_the_removal_and_the_readers_scope_have_in_common() {
    let of = |removal: [&str; 2], reader: [&str; 2]| {
        let removed = removed(removal[0], removal[1]);
        let said = Confirmation::of(&removed, &scope(reader[0], reader[1]))?;
        Some((said.scope, said.counts.is_some()))
    };
    let is = |service: &str, env: &str, has_counts| Some((scope(service, env), has_counts));
    assert_eq!(of(["*", "*"], ["*", "*"]), is("*", "*", true));
    assert_eq!(of(["*", "prod"], ["*", "*"]), is("*", "prod", true));
    assert_eq!(of(["web", "prod"], ["*", "prod"]), is("web", "prod", true));
    // The reader sees a part of the removal: it learns neither other names nor numbers of others.
    assert_eq!(of(["*", "*"], ["web", "*"]), is("web", "*", false));
    assert_eq!(of(["web", "*"], ["*", "prod"]), is("web", "prod", false));
    assert_eq!(of(["*", "prod"], ["*", "dev"]), None);
    assert_eq!(of(["web", "*"], ["shop", "prod"]), None);
}

#[test]
fn no_other_spelling_is_read() {
    let text = "00c0ffee00c0ffee.41 service=* env=prod routes=97 policies=5 left=3";
    assert_eq!(
        text.parse::<Confirmation>().map(|it| it.to_string()),
        Ok(text.to_owned())
    );
    for (part, other) in [
        ("routes=97", "routes=097"),
        ("routes=97", "routes=+97"),
        ("routes=97", "routes=*"),
        ("routes=97", "routes=4294967296"),
        ("service=* ", ""),
        ("service=*", "service="),
        ("service=*", "service=Web"),
        ("service=* env=prod", "env=prod service=*"),
        ("left=3", "left=3 more=1"),
        ("left=3", "left=3 "),
        ("env=prod", " env=prod"),
        ("c0ffee.41", "c0ffee.041"),
    ] {
        let wrong = text.replacen(part, other, 1);
        assert_ne!(wrong, text, "{part}");
        assert_eq!(
            wrong.parse::<Confirmation>(),
            Err(BadConfirmation),
            "{wrong}"
        );
    }
}

#[test]
fn too_long_a_text_is_not_read() {
    let long = format!("{}{}", signed_text(), " ".repeat(MAX_TEXT));
    assert_eq!(long.parse::<SignedConfirmation>(), Err(BadConfirmation));
}

fn signed_text() -> String {
    let confirmation = Confirmation::of(&removed("web", "*"), &scope("*", "*")).unwrap();
    signed(confirmation).to_string()
}

#[test]
fn damage_of_any_byte_gives_another_statement_other_signatures_or_none() {
    let text = signed_text();
    let whole: SignedConfirmation = text.parse().unwrap();
    for at in 0..text.len() {
        for bit in 0..7 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let damaged = String::from_utf8(bytes).unwrap();
            if let Ok(read) = damaged.parse::<SignedConfirmation>() {
                assert_ne!(read, whole, "{damaged}");
            }
        }
    }
}

proptest! {
    #[test]
    fn confirmations_are_read_as_they_are_written(
        names in (0..3_usize, 0..3_usize),
        revision in 1_u64..,
        counts in proptest::option::of(any::<(u32, u32, u32)>()),
    ) {
        let names = (["*", "web", "shop-2"][names.0], ["*", "prod", "d"][names.1]);
        let confirmation = Confirmation {
            tag: format!("00c0ffee00c0ffee.{}", revision >> 1).parse().unwrap(),
            scope: scope(names.0, names.1),
            counts: counts.map(|(routes, policies, left)| Counts { routes, policies, left }),
        };
        let signed = signed(confirmation);
        prop_assert_eq!(signed.to_string().parse(), Ok(signed));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = text.parse::<SignedConfirmation>();
    }
}
