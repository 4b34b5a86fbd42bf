//! A DNS server that takes its time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The bytes of a message before its question.
const HEADER: usize = 12;

/// The types of the questions that have an answer: A.
const ADDRESS: [u8; 2] = [0, 1];

/// A line of Envoy's bootstrap, in the settings of its resolver.
const RESOLVER: &str = "    query_tries: 1\n";

/// A running server that knows every name, and whose address for each is `127.0.0.1`.
pub struct SlowNames {
    address: SocketAddr,
    _end: DropGuard,
}

impl SlowNames {
    /// Starts a server that answers each question after `delay`.
    pub async fn start(delay: Duration) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("its address");
        let end = CancellationToken::new();
        let served = end.clone().run_until_cancelled_owned(serve(socket, delay));
        tokio::spawn(served);
        Self {
            address,
            _end: end.drop_guard(),
        }
    }

    /// Returns the bootstrap of an Envoy that asks this server.
    pub fn asked_by(&self, bootstrap: &str) -> String {
        assert!(bootstrap.contains(RESOLVER), "{bootstrap}");
        let port = self.address.port();
        let resolvers = format!(
            "{RESOLVER}    resolvers: [{{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}]\n"
        );
        bootstrap.replace(RESOLVER, &resolvers)
    }
}

async fn serve(socket: UdpSocket, delay: Duration) {
    let (socket, mut buffer) = (Arc::new(socket), [0; 512]);
    // An error is that of an earlier answer, whose client has gone.
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let Some(answer) = answer(&buffer[..length]) else {
            continue;
        };
        let socket = socket.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = socket.send_to(&answer, client).await;
        });
    }
}

/// Returns the answer to a query with one question, or nothing if it is malformed.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let id = query.get(..2)?;
    let name = query.get(HEADER..)?.iter().position(|byte| *byte == 0)? + 1;
    let question = query.get(HEADER..HEADER + name + 4)?;
    let has_answer = question.get(name..name + 2)? == ADDRESS;
    let mut answer = id.to_vec();
    // An answer without an error; one question, and one or no answer to it.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(has_answer), 0, 0, 0, 0]);
    answer.extend(question);
    if has_answer {
        // The name of the question, type A, class IN, for 60 s, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn every_name_has_one_address() {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(b"\x01a\x04test\x00\x00\x01\x00\x01");
        let told = answer(&query).unwrap();
        assert_eq!(told[..2], [7, 9]);
        assert_eq!(told[7], 1);
        assert_eq!(told[told.len() - 4..], [127, 0, 0, 1]);
        let of_six = query.len() - 3;
        query[of_six] = 28;
        assert_eq!(answer(&query).unwrap()[7], 0, "no address of IPv6");
        assert_eq!(answer(&query[..14]), None);
    }
}
