//! Frames, numbers of fields, and what is not a request.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use traffic_manager_dataplane::ads::{
    Action, Code, FrameError, Frames, Kind, Limits, Stream, Type,
    frame::frame,
    message::{
        DeltaDiscoveryRequest, DeltaDiscoveryResponse, DeltaResource, DiscoveryRequest,
        DiscoveryResponse,
    },
    node::NodeInfo,
};

use crate::client::{Ask, node};

/// Returns the numbers of the fields of an encoded message, and of the messages at `inside`.
fn fields(mut bytes: &[u8], inside: &[u32]) -> Vec<String> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let key = prost::encoding::decode_varint(&mut bytes).unwrap();
        let (number, wire) = (key >> 3, key & 7);
        if wire == 0 {
            prost::encoding::decode_varint(&mut bytes).unwrap();
            out.push(number.to_string());
            continue;
        }
        assert_eq!(wire, 2);
        let length = prost::encoding::decode_varint(&mut bytes).unwrap() as usize;
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        match inside.split_first() {
            Some((first, below)) if u64::from(*first) == number => {
                out.extend(fields(value, below).iter().map(|f| format!("{number}.{f}")));
            }
            _ => out.push(number.to_string()),
        }
    }
    out
}

#[test]
fn fields_have_the_numbers_of_envoys_proto_files() {
    let text = || "x".to_owned();
    let ask = Ask {
        nonce: text(),
        error: Some(text()),
        version: text(),
        ..Ask::first()
    }
    .names(&["a"])
    .has(&[("a", "1")]);
    let ask = Ask {
        drop: vec![text()],
        ..ask
    };
    let delta = ask.clone().encode(Kind::Delta, "t");
    assert_eq!(
        fields(&delta, &[1, 8, 1]),
        [
            "1.1", "1.2", "1.8.1.1", "1.8.1.2", "2", "3", "4", "5", "6", "7"
        ]
    );
    assert_eq!(fields(&delta, &[7])[6..], ["7.1", "7.2"]);
    let world = ask.encode(Kind::World, "t");
    assert_eq!(
        fields(&world, &[2, 8, 1]),
        ["1", "2.1", "2.2", "2.8.1.1", "2.8.1.2", "3", "4", "5", "6"]
    );
    let resource = DeltaResource {
        version: text(),
        resource: Bytes::from("x"),
        name: text(),
    };
    let response = DeltaDiscoveryResponse {
        system_version_info: text(),
        resources: vec![resource],
        type_url: text(),
        nonce: text(),
        removed_resources: vec![text()],
    };
    assert_eq!(
        fields(&response.encode_to_vec(), &[2]),
        ["1", "2.1", "2.2", "2.3", "4", "5", "6"]
    );
    let response = DiscoveryResponse {
        version_info: text(),
        resources: vec![Bytes::from("x")],
        type_url: text(),
        nonce: text(),
    };
    assert_eq!(fields(&response.encode_to_vec(), &[]), ["1", "2", "4", "5"]);
}

#[test]
fn of_the_metadata_texts_are_read_and_the_rest_is_skipped() {
    // {"env": "prod", "n": 1.0, "o": {"a": "b"}} and the fields 4 (locality) and 6 (user_agent_name)
    let bytes = [
        &b"\x0a\x02n1"[..],
        b"\x1a\x2e\x0a\x0d\x0a\x03env\x12\x06\x1a\x04prod\x0a\x0e\x0a\x01n\x12\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f\x0a\x0d\x0a\x01o\x12\x08\x2a\x06\x0a\x04\x0a\x00\x12\x00",
        b"\x22\x00",
        b"\x32\x05envoy",
    ]
    .concat();
    let node =
        NodeInfo::from(traffic_manager_dataplane::ads::message::Node::decode(&bytes[..]).unwrap());
    assert_eq!(
        node.metadata,
        [("env".to_owned(), "prod".to_owned())].into()
    );
    assert_eq!((node.id.as_str(), node.version), ("n1", None));
}

#[test]
fn frames_that_are_too_long_compressed_or_garbage_are_refused_before_they_are_whole() {
    let first = |bytes: &[u8]| {
        let mut frames = Frames::new(16);
        frames.push(bytes);
        frames.next_message()
    };
    assert_eq!(
        first(&[0, 0, 0, 0, 17]),
        Err(FrameError::TooLong {
            bytes: 17,
            limit: 16
        })
    );
    assert_eq!(
        first(&[0, 255, 255, 255, 255]),
        Err(FrameError::TooLong {
            bytes: u32::MAX as usize,
            limit: 16
        })
    );
    assert_eq!(first(&[1]), Err(FrameError::Compressed));
    assert_eq!(first(b"GET / "), Err(FrameError::Garbage));
    assert_eq!(first(&[0, 0, 0, 0, 16, 1]), Ok(None));
    assert_eq!(first(&[0, 0, 0, 0, 0]), Ok(Some(Bytes::new())));
}

#[test]
fn a_stream_ends_with_a_status_at_what_is_no_request() {
    for kind in [Kind::Delta, Kind::World] {
        let mut stream = Stream::new(kind, Limits::default());
        let end = stream.on_request(b"\xff\xff\xff", 0);
        assert!(
            matches!(&end[..], [Action::End(Code::InvalidArgument, _)]),
            "{end:?}"
        );
        let good = Ask::first().encode(kind, Type::Clusters.url());
        assert_eq!(stream.on_request(&good, 1), [], "it is over");

        let mut stream = Stream::new(kind, Limits::default());
        let nameless = Ask {
            node: None,
            ..Ask::first()
        }
        .encode(kind, Type::Clusters.url());
        let end = stream.on_request(&nameless, 0);
        assert!(
            matches!(&end[..], [Action::End(Code::InvalidArgument, why)] if why.contains("id")),
            "{end:?}"
        );
    }
}

#[test]
fn more_names_than_allowed_end_the_stream() {
    for kind in [Kind::Delta, Kind::World] {
        let mut stream = Stream::new(
            kind,
            Limits {
                names: 3,
                ..Limits::default()
            },
        );
        let ask = |names: &[&str]| Ask::first().names(names).encode(kind, Type::Routes.url());
        let last = |actions: Vec<Action>| actions.last().cloned();
        assert!(!matches!(
            last(stream.on_request(&ask(&["a", "b", "c"]), 0)),
            Some(Action::End(..))
        ));
        let end = last(stream.on_request(&ask(&["a", "b", "c", "d"]), 0));
        assert!(
            matches!(end, Some(Action::End(Code::ResourceExhausted, _))),
            "{end:?}"
        );
    }
}

proptest! {
    #[test]
    fn messages_come_out_of_frames_whole_wherever_the_body_is_cut(
        names in prop::collection::vec("[a-z]{0,40}", 1..6), cuts in prop::collection::vec(1usize..60, 1..20),
    ) {
        let requests: Vec<_> = names.iter().map(|n| DiscoveryRequest { node: Some(node(40)), type_url: n.clone(), ..Default::default() }).collect();
        let body: Vec<u8> = requests.iter().flat_map(|r| frame(r).unwrap()).collect();
        let (mut frames, mut seen, mut rest, mut cuts) = (Frames::new(1 << 20), Vec::new(), &body[..], cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            rest = more;
            frames.push(piece);
            while let Some(message) = frames.next_message().unwrap() {
                seen.push(DiscoveryRequest::decode(message).unwrap());
            }
        }
        prop_assert_eq!(seen, requests);
    }

    #[test]
    fn no_bytes_make_a_stream_panic(delta in any::<bool>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let kind = if delta { Kind::Delta } else { Kind::World };
        let mut stream = Stream::new(kind, Limits::default());
        stream.on_request(&Ask::first().encode(kind, Type::Clusters.url()), 0);
        stream.on_request(&bytes, 1);
        let _ = DeltaDiscoveryRequest::decode(&bytes[..]);
        let mut frames = Frames::new(100);
        frames.push(&bytes);
        while let Ok(Some(_)) = frames.next_message() {}
    }
}
