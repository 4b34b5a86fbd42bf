//! Certificates of a test's own, right ones and wrong ones, and a TLS front that presents them for
//! a real server.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, split},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::secure;

/// A certificate authority of the test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
pub struct Identity {
    pub cert: String,
    pub key: String,
}

/// The validity of a certificate: valid now, or expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    Now,
    Over,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        // A name of its own: OpenSSL takes a certificate whose subject is its issuer for
        // self-signed.
        params
            .distinguished_name
            .push(DnType::CommonName, format!("CA {}", uuid::Uuid::new_v4()));
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Writes the CA's certificate to a file and returns its path.
    pub fn file(&self, folder: &Folder) -> String {
        folder.write(&format!("ca-{}.pem", uuid::Uuid::new_v4()), &self.pem)
    }

    /// A server's certificate for this host name.
    pub fn server(&self, name: &str, time: Time) -> Identity {
        self.sign(
            CertificateParams::new(vec![name.to_owned()]).unwrap(),
            ExtendedKeyUsagePurpose::ServerAuth,
            time,
        )
    }

    /// A client's certificate with these URIs.
    pub fn client(&self, uris: &[&str], time: Time) -> Identity {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.subject_alt_names.extend(
            uris.iter()
                .map(|uri| SanType::URI((*uri).try_into().unwrap())),
        );
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth, time)
    }

    /// The same, but the certificate expires at `end`, to the second.
    pub fn client_until(&self, uris: &[&str], end: std::time::SystemTime) -> Identity {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.subject_alt_names.extend(
            uris.iter()
                .map(|uri| SanType::URI((*uri).try_into().unwrap())),
        );
        params.not_after = end.into();
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth, Time::Now)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
        time: Time,
    ) -> Identity {
        params.extended_key_usages = vec![purpose];
        if time == Time::Over {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        Identity {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Identity {
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.cert.as_bytes())
            .collect::<Result<_, _>>()
            .unwrap()
    }

    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// A folder that is removed when its test drops it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tm-tls-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The server behind a front: its protocol decides how a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Any server whose clients begin with the TLS handshake.
    Any,
    /// Postgres: a client asks for TLS before the handshake.
    Postgres,
    /// A Kafka broker: it names the address for further connections, and the front replaces that
    /// address by its own.
    Kafka,
}

/// Ends TLS in front of a real server, with a certificate of the test's choice.
pub struct Front {
    pub address: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
}

impl Front {
    pub async fn open(shown: &Identity, behind: Behind, target: String) -> Self {
        let config = ServerConfig::builder_with_provider(traffic_manager::tls::provider());
        let config = config
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let config = config
            .with_single_cert(shown.chain(), shown.private_key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(
                    client,
                    acceptor.clone(),
                    behind,
                    target.clone(),
                    address,
                ));
            }
        });
        Self {
            address,
            _accepting: AbortOnDropHandle::new(accepting),
        }
    }
}

async fn pass(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    behind: Behind,
    target: String,
    front: SocketAddr,
) -> std::io::Result<()> {
    if behind == Behind::Postgres {
        let mut question = [0; 8];
        client.read_exact(&mut question).await?;
        assert_eq!(question, [0, 0, 0, 8, 4, 210, 22, 47], "SSLRequest");
        client.write_all(b"S").await?;
    }
    let mut client = acceptor.accept(client).await?;
    let server = TcpStream::connect(&target).await?;
    // Postgres takes plain connections on the same port; the others have a port for each.
    let mut server = if behind == Behind::Postgres {
        Box::new(server)
    } else {
        secure::over(server).await
    };
    if behind != Behind::Kafka {
        return tokio::io::copy_bidirectional(&mut client, &mut server)
            .await
            .map(drop);
    }
    let (advertised, instead) = (place(target.parse().expect("an address")), place(front));
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (split(client), split(server));
    let answers = async {
        let mut buffer = vec![0; 65536];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            let answer = &mut buffer[..length];
            while let Some(at) = answer
                .windows(advertised.len())
                .position(|window| window == advertised)
            {
                answer[at..at + instead.len()].copy_from_slice(&instead);
            }
            to_client.write_all(answer).await?;
        }
    };
    tokio::select! {
        done = tokio::io::copy(&mut from_client, &mut to_server) => done.map(drop),
        done = answers => done,
    }
}

/// A host and its port as a broker's answers encode them.
fn place(address: SocketAddr) -> Vec<u8> {
    let mut place = address.ip().to_string().into_bytes();
    place.extend(u32::from(address.port()).to_be_bytes());
    place
}
