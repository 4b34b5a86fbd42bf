use super::*;
use crate::auth::jwt::KeyPrint;

fn at(text: &str) -> UtcTime {
    text.parse().unwrap()
}

fn sessions(changes: impl FnOnce(&mut config::Ui)) -> Sessions {
    let mut settings = config::Settings::without_environment(&[]).unwrap().ui;
    settings.session_idle = Duration::from_secs(3600);
    settings.session_lifetime = Duration::from_secs(28_800);
    changes(&mut settings);
    Sessions::new(&settings).unwrap().unwrap()
}

fn by_key() -> Caller {
    let actor = Actor {
        kind: Caller::KEY.into(),
        id: "0Yb3kQ9zTn5W".into(),
        token: None,
    };
    Caller {
        actor: Arc::new(actor),
        credential: Credential::Key {
            hash: TokenHash([7; 32]),
            ends: None,
        },
        ..Caller::anonymous()
    }
}

fn by_token(services: usize) -> Caller {
    let scope = ResourceScope {
        services: (0..services)
            .map(|at| format!("service-{at}").parse().unwrap())
            .collect(),
        envs: vec!["prod".parse().unwrap()],
    };
    let tenant = TenantScope::Tenant("acme".parse().unwrap());
    let actor = Actor {
        kind: Caller::TOKEN.into(),
        id: "alice".into(),
        token: None,
    };
    Caller {
        actor: Arc::new(actor),
        grant: Arc::new(Grant::new(vec![Role::Editor], tenant, scope).unwrap()),
        credential: Credential::Token {
            signed_by: KeyPrint::of(b"a key"),
            ends: at("2030-01-01T01:30:00Z"),
            refused: at("2030-01-01T01:30:05Z"),
        },
        session: None,
    }
}

const NOON: &str = "2030-01-01T00:00:00Z";

#[test]
fn session_has_the_token_s_hash_and_not_the_token() {
    let sessions = sessions(|_| {});
    let (_, cookie) = sessions.begin(&by_key(), at(NOON)).unwrap();
    let Some(SessionHolder::Key(id, hash)) = sessions.open(&cookie, at(NOON)).unwrap().holder()
    else {
        panic!("a session of a key")
    };
    assert_eq!((id.as_str(), hash.0), ("0Yb3kQ9zTn5W", [7; 32]));
}

#[test]
fn session_of_a_token_has_its_grant_and_ends_with_it() {
    let sessions = sessions(|_| {});
    let caller = by_token(1);
    let (session, cookie) = sessions.begin(&caller, at(NOON)).unwrap();
    let Some(SessionHolder::Token(read)) = sessions.open(&cookie, at(NOON)).unwrap().holder()
    else {
        panic!("a session of a token")
    };
    assert_eq!(read, caller);
    assert_eq!(sessions.ends(&session), at("2030-01-01T01:00:00Z"), "idle");
    assert_eq!(sessions.latest_end(&session), at("2030-01-01T01:30:00Z"));
}

#[test]
fn session_ends_when_idle_and_after_its_lifetime() {
    let sessions = sessions(|_| {});
    let (_, cookie) = sessions.begin(&by_key(), at(NOON)).unwrap();
    let open = |cookie: &str, time: &str| sessions.open(cookie, at(time));
    assert!(open(&cookie, "2030-01-01T00:59:59Z").is_ok());
    assert_eq!(
        open(&cookie, "2030-01-01T01:00:00Z"),
        Err(SessionRefusal::Ended)
    );
    let (mut cookie, mut now) = (cookie, at(NOON));
    loop {
        now = after(now, Duration::from_secs(3000));
        match sessions.open(&cookie, now) {
            Ok(session) => cookie = sessions.renewed(&session, now).expect("long ago"),
            Err(refused) => {
                assert_eq!(refused, SessionRefusal::Ended);
                break;
            }
        }
    }
    assert_eq!(now, at("2030-01-01T08:20:00Z"), "8 h at most");
}

#[test]
fn session_is_sealed_anew_once_a_minute_at_most() {
    let sessions = sessions(|_| {});
    let (session, _) = sessions.begin(&by_key(), at(NOON)).unwrap();
    assert_eq!(sessions.renewed(&session, at("2030-01-01T00:00:59Z")), None);
    assert!(
        sessions
            .renewed(&session, at("2030-01-01T00:01:00Z"))
            .is_some()
    );
}

#[test]
fn signed_out_session_does_not_open_again() {
    let sessions = sessions(|_| {});
    let [(one, first), (_, other)] = [0; 2].map(|_| sessions.begin(&by_key(), at(NOON)).unwrap());
    let of_caller = sessions.of_caller(&one);
    assert!(sessions.end_of(of_caller).is_some());
    sessions.sign_out(&one, at(NOON));
    assert_eq!(sessions.open(&first, at(NOON)), Err(SessionRefusal::Ended));
    assert_eq!(sessions.end_of(of_caller), None);
    assert!(sessions.open(&other, at(NOON)).is_ok(), "another session");
}

#[test]
fn only_keys_and_tokens_that_fit_begin_a_session() {
    let sessions = sessions(|_| {});
    assert!(matches!(
        sessions.begin(&Caller::anonymous(), at(NOON)),
        Err(NoSession::Credential)
    ));
    let node = Caller {
        credential: Credential::Certificate { ends: at(NOON) },
        ..Caller::anonymous()
    };
    assert!(matches!(
        sessions.begin(&node, at(NOON)),
        Err(NoSession::Credential)
    ));
    assert!(sessions.begin(&by_token(50), at(NOON)).is_ok());
    assert!(matches!(
        sessions.begin(&by_token(500), at(NOON)),
        Err(NoSession::TooLarge)
    ));
}

#[test]
fn no_sessions_while_the_page_is_off() {
    let mut settings = config::Settings::without_environment(&[]).unwrap().ui;
    settings.enabled = false;
    assert!(Sessions::new(&settings).unwrap().is_none());
}
