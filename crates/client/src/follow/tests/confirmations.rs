//! Confirmations of removals: which ones the hook `accept` is given.

use std::sync::Mutex;

use traffic_manager_core::snapshot::confirmation::{Confirmation, Counts};

use super::*;

/// The confirmations that a hook was given, in the order of its calls.
type Given = Arc<Mutex<Vec<Option<Confirmation>>>>;

/// Returns a follower with the state of revision 5, whose hook takes everything and notes what it is given.
fn asked(with_key: bool) -> (Follower, Given) {
    let given = Given::default();
    let noted = Arc::clone(&given);
    let mut settings = Settings::new(Vec::new(), "acme".parse().unwrap());
    if with_key {
        settings.trusted_keys = vec![TrustedKey::new(pair(1).1)];
    }
    settings.accept = Some(Accept::with_confirmation(move |_, _, confirmation| {
        noted.lock().unwrap().push(confirmation.cloned());
        true
    }));
    let mut follower = Follower::new(&settings);
    let tag = tag(1, 5);
    let signature = signed(&tag, 1).1;
    follower.snapshot(&body_of(&tag), proof(Some(&signature)), None, at(0));
    (follower, given)
}

fn confirmation() -> Confirmation {
    Confirmation {
        tag: tag(1, 6),
        scope: Scope::default(),
        counts: Some(Counts {
            routes: 97,
            policies: 5,
            left: 3,
        }),
    }
}

/// Returns the header of a confirmation for a tenant, signed by the key of a seed.
fn header(tenant: &str, confirmation: &Confirmation, seed: u8) -> String {
    let (pair, public) = pair(seed);
    let text = confirmation.text(&tenant.parse().unwrap());
    let signature = pair.sign(text.as_bytes()).as_ref().try_into().unwrap();
    format!(
        "{confirmation}; {}",
        Signatures(vec![(KeyId::of(&public), signature)])
    )
}

/// Has the follower take the state of revision 6 with this confirmation, from an answer. Returns what the hook was given.
fn given_from_answer(with_key: bool, header: &str) -> Option<Confirmation> {
    let (mut follower, given) = asked(with_key);
    let tag = tag(1, 6);
    let signature = signed(&tag, 1).1;
    let proof = Proof {
        signature: Some(&signature),
        confirmation: Some(header),
    };
    let verdict = follower.snapshot(&body_of(&tag), proof, None, at(1));
    assert_eq!(verdict, Verdict::Taken);
    let mut given = given.lock().unwrap();
    assert_eq!(given.len(), 1);
    given.remove(0)
}

#[test]
fn signed_confirmation_is_given_with_an_answer_and_with_a_stream() {
    let said = confirmation();
    let header = header("acme", &said, 1);
    assert_eq!(given_from_answer(true, &header), Some(said.clone()));

    let (mut follower, given) = asked(true);
    let tag = tag(1, 6);
    let verdict = follower.change(change_to(&tag), Some(&tag), at(1));
    assert_eq!(verdict, Verdict::Unsigned);
    assert_eq!(given.lock().unwrap().len(), 0, "not before the signature");
    let (digest, signature) = signed(&tag, 1);
    let data = json!({ "tag": tag, "digest": digest, "signature": signature, "confirmed": header });
    let verdict = follower.signature(data.to_string().as_bytes(), at(1));
    assert_eq!(verdict, Verdict::Taken);
    assert_eq!(*given.lock().unwrap(), [Some(said)]);
}

#[test]
fn damaged_and_foreign_confirmations_are_not_given() {
    let good = header("acme", &confirmation(), 1);
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1;
        let damaged = String::from_utf8(bytes).unwrap();
        assert_eq!(given_from_answer(true, &damaged), None, "{damaged}");
        assert_eq!(given_from_answer(true, &good[..at]), None, "cut at {at}");
    }
    let of_another_tenant = header("other", &confirmation(), 1);
    assert_eq!(given_from_answer(true, &of_another_tenant), None);
    let by_another_key = header("acme", &confirmation(), 2);
    assert_eq!(given_from_answer(true, &by_another_key), None);
    // The signature of a snapshot does not sign a confirmation.
    let signature = signed(&tag(1, 6), 1).1;
    let borrowed = format!("{}; {signature}", confirmation());
    assert_eq!(given_from_answer(true, &borrowed), None);
}

#[test]
fn without_keys_no_confirmation_is_given_but_it_is_passed_on() {
    let header = header("acme", &confirmation(), 1);
    assert_eq!(given_from_answer(false, &header), None);
    let (mut follower, _) = asked(false);
    let tag = tag(1, 6);
    follower.change(change_to(&tag), Some(&tag), at(1));
    let (digest, signature) = signed(&tag, 1);
    let data = json!({ "tag": tag, "digest": digest, "signature": signature, "confirmed": header });
    follower.signature(data.to_string().as_bytes(), at(1));
    let view = follower.view();
    assert_eq!(view.signed_confirmation(), Some(header));
    assert_eq!(view.confirmation(), None);
}

#[test]
fn confirmation_is_kept_over_a_restart_and_is_checked_again() {
    let (mut follower, _) = asked(true);
    let (tag, said) = (tag(1, 6), confirmation());
    let (signature, header) = (signed(&tag, 1).1, header("acme", &said, 1));
    let proof = Proof {
        signature: Some(&signature),
        confirmation: Some(&header),
    };
    follower.snapshot(&body_of(&tag), proof, None, at(1));
    let again = restarted(&follower, true);
    assert_eq!(again.view().confirmation(), Some(&said));
    assert_eq!(restarted(&follower, false).view().confirmation(), None);
}
