//! Syslog: RFC 5424 messages; over TCP and TLS with their length before them (RFC 6587, RFC 5425), over UDP one a datagram.
//!
//! Syslog acknowledges nothing. What a receiver that dies had not yet read is lost, and can't be known.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::Event;
use crate::error::{FleetError, causes};

/// The facility "log audit".
const FACILITY: u8 = 13;
/// More does not fit into a datagram.
const DATAGRAM: usize = 65_000;

/// Where a receiver of syslog is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// `tcp://HOST:PORT`
    Tcp(String),
    /// `udp://HOST:PORT`
    Udp(String),
    /// `tls://HOST:PORT`
    Tls(String),
}

impl FromStr for SyslogAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected tcp://HOST:PORT, udp://HOST:PORT or tls://HOST:PORT";
        let (scheme, address) = text.split_once("://").ok_or(wrong)?;
        let (host, port) = address.rsplit_once(':').ok_or(wrong)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(wrong);
        }
        let address = address.to_owned();
        match scheme {
            "tcp" => Ok(Self::Tcp(address)),
            "udp" => Ok(Self::Udp(address)),
            "tls" => Ok(Self::Tls(address)),
            _ => Err(wrong),
        }
    }
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

pub(crate) struct Syslog {
    address: SyslogAddress,
    tls: Option<TlsConnector>,
    connection: Option<Box<dyn Connection>>,
}

impl Syslog {
    pub(super) fn new(address: SyslogAddress, ca: Option<&Path>) -> Result<Self, FleetError> {
        let tls = match &address {
            SyslogAddress::Tls(_) => Some(connector(ca)?),
            _ => None,
        };
        Ok(Self {
            address,
            tls,
            connection: None,
        })
    }

    pub(super) async fn send(&mut self, events: &[Event]) -> Result<(), FleetError> {
        let outcome = match self.address.clone() {
            SyslogAddress::Udp(address) => datagrams(&address, events).await,
            SyslogAddress::Tcp(address) | SyslogAddress::Tls(address) => self.stream(&address, events).await,
        };
        if outcome.is_err() {
            self.connection = None;
        }
        outcome
    }

    async fn stream(&mut self, address: &str, events: &[Event]) -> Result<(), FleetError> {
        if let Some(connection) = &mut self.connection
            && gone(connection).await
        {
            self.connection = None;
        }
        let away = |error: std::io::Error| FleetError::Away(format!("{address}: {}", causes(&error)));
        if self.connection.is_none() {
            let tcp = TcpStream::connect(address).await.map_err(away)?;
            tcp.set_nodelay(true).map_err(away)?;
            self.connection = Some(match &self.tls {
                None => Box::new(tcp),
                Some(tls) => {
                    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                    let name = ServerName::try_from(host)
                        .map_err(|_| FleetError::Settings(format!("{address} has no name to verify")))?;
                    Box::new(tls.connect(name, tcp).await.map_err(away)?)
                }
            });
        }
        let Some(connection) = &mut self.connection else {
            return Err(FleetError::Away(format!("{address}: not connected")));
        };
        let mut frames = Vec::new();
        let mut message = Vec::new();
        for event in events {
            write(event, &mut message);
            frames.extend_from_slice(message.len().to_string().as_bytes());
            frames.push(b' ');
            frames.append(&mut message);
        }
        connection.write_all(&frames).await.map_err(away)?;
        connection.flush().await.map_err(away)
    }
}

/// Whether the receiver has closed: it never says anything else.
async fn gone(connection: &mut Box<dyn Connection>) -> bool {
    let mut byte = [0];
    tokio::select! {
        biased;
        _ = connection.read(&mut byte) => true,
        () = std::future::ready(()) => false,
    }
}

async fn datagrams(address: &str, events: &[Event]) -> Result<(), FleetError> {
    let away = |error: std::io::Error| FleetError::Away(format!("{address}: {error}"));
    let here = if address.starts_with('[') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(here).await.map_err(away)?;
    socket.connect(address).await.map_err(away)?;
    let mut message = Vec::new();
    for event in events {
        message.clear();
        write(event, &mut message);
        if message.len() > DATAGRAM {
            return Err(FleetError::Refused(format!(
                "{} bytes do not fit into a datagram: use tcp:// or tls://",
                message.len()
            )));
        }
        socket.send(&message).await.map_err(away)?;
    }
    Ok(())
}

fn write(event: &Event, message: &mut Vec<u8>) {
    let refused = event.row.get("decision").as_text() == Some("deny");
    let priority = FACILITY * 8 + if refused { 4 } else { 6 };
    let at = jiff::Timestamp::from_microsecond(event.row.at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let host: String = event
        .text("host")
        .chars()
        .filter(char::is_ascii_graphic)
        .take(255)
        .collect();
    let host = if host.is_empty() { "-".to_owned() } else { host };
    let head = format!(
        "<{priority}>1 {at:.6} {host} interdict - {} [origin software=\"interdict\" swVersion=\"{}\"] ",
        event.row.table,
        env!("CARGO_PKG_VERSION")
    );
    message.extend_from_slice(head.as_bytes());
    message.extend_from_slice(&event.body);
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, FleetError> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        let certificates = CertificateDer::pem_file_iter(ca)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| FleetError::Settings(format!("{}: {error}", ca.display())))?;
        if certificates.is_empty() {
            return Err(FleetError::Settings(format!(
                "{} has no certificates",
                ca.display()
            )));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| FleetError::Settings(format!("{}: {error}", ca.display())))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FleetError::Settings(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
