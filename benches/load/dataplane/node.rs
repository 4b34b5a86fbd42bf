//! An Envoy as far as the service can tell: it follows a delta stream of the Aggregated Discovery
//! Service, and acknowledges everything.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use h2::{RecvStream, SendStream, client};
use hyper::{Method, Request};
use prost::Message as _;
use tokio::{net::TcpStream, sync::mpsc};
use traffic_manager_dataplane::ads::{
    Frames, Kind, Type,
    frame::frame,
    message::{
        BuildVersion, DeltaDiscoveryRequest, DeltaDiscoveryResponse, Node as Introduction,
        SemanticVersion, Struct, Value,
    },
};

/// The most bytes of one response.
const RESPONSE_BYTES: usize = 16 << 20;

/// The routes that a node has acknowledged.
pub struct Acknowledged {
    /// The number of the node.
    pub node: usize,
    /// The version of the whole: the epoch, a dot and the revision.
    pub version: String,
}

/// One node on a connection of its own.
pub struct Node {
    number: usize,
    requests: SendStream<Bytes>,
    responses: RecvStream,
    frames: Frames,
}

impl Node {
    /// Opens the stream, and asks for all clusters and for the routes.
    pub async fn open(ads: SocketAddr, token: &str, tenant: &str, number: usize) -> Result<Self> {
        let socket = TcpStream::connect(ads).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = client::handshake(socket).await?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{ads}{}", Kind::Delta.path()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {token}"))
            .body(())?;
        let mut sender = sender.ready().await?;
        let (answer, mut requests) = sender.send_request(request, false)?;
        for asked in first_requests(tenant, number) {
            send(&mut requests, &asked)?;
        }
        let answer = answer.await?;
        let refused = answer.headers().get("grpc-message");
        ensure!(refused.is_none(), "a stream was refused: {refused:?}");
        Ok(Self {
            number,
            requests,
            responses: answer.into_body(),
            frames: Frames::new(RESPONSE_BYTES),
        })
    }

    /// Acknowledges each response, and tells of those with routes, until the stream ends.
    pub async fn follow(mut self, told: mpsc::UnboundedSender<Acknowledged>) -> Result<()> {
        while let Some(piece) = self.responses.data().await {
            let piece = piece?;
            self.responses
                .flow_control()
                .release_capacity(piece.len())?;
            self.frames.push(&piece);
            while let Some(message) = self.frames.next_message()? {
                let response = DeltaDiscoveryResponse::decode(message)?;
                let is_routes = response.type_url == Type::Routes.url();
                let acknowledged = DeltaDiscoveryRequest {
                    type_url: response.type_url,
                    response_nonce: response.nonce,
                    ..DeltaDiscoveryRequest::default()
                };
                send(&mut self.requests, &acknowledged)?;
                if is_routes {
                    let (node, version) = (self.number, response.system_version_info);
                    // Nobody listens once the case is over.
                    let _ = told.send(Acknowledged { node, version });
                }
            }
        }
        bail!("the service ended the stream of node {}", self.number)
    }
}

fn send(requests: &mut SendStream<Bytes>, request: &DeltaDiscoveryRequest) -> Result<()> {
    let bytes = frame(request).context("a request is too long")?;
    Ok(requests.send_data(bytes, false)?)
}

/// Returns the requests with which an Envoy begins.
fn first_requests(tenant: &str, number: usize) -> [DeltaDiscoveryRequest; 2] {
    let tenant = Value {
        string_value: Some(tenant.to_owned()),
    };
    let introduction = Introduction {
        id: format!("node-{number}"),
        cluster: "bench".to_owned(),
        metadata: Some(Struct {
            fields: [("tenant".to_owned(), tenant)].into(),
        }),
        user_agent_build_version: Some(BuildVersion {
            version: Some(SemanticVersion {
                major_number: 1,
                minor_number: 40,
                patch: 0,
            }),
        }),
    };
    let clusters = DeltaDiscoveryRequest {
        node: Some(introduction),
        type_url: Type::Clusters.url().to_owned(),
        ..DeltaDiscoveryRequest::default()
    };
    let routes = DeltaDiscoveryRequest {
        type_url: Type::Routes.url().to_owned(),
        resource_names_subscribe: vec!["tm".to_owned()],
        ..DeltaDiscoveryRequest::default()
    };
    [clusters, routes]
}
