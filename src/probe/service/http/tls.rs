//! TLS with a certificate authority of the lab's. A certificate that is not to be trusted ends nothing: what comes of it is
//! told beside the answer.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore,
    SignatureScheme, SupportedProtocolVersion, version,
};

use crate::error::{Error, Result};

type Versions = &'static [&'static SupportedProtocolVersion];

const BOTH: Versions = &[&version::TLS13, &version::TLS12];
const TLS12: Versions = &[&version::TLS12];
const TLS13: Versions = &[&version::TLS13];
const NO_CA: &str = "no CA given";

/// A version of TLS that alone is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

impl Version {
    /// # Errors
    /// There is no such version.
    pub fn of(text: &str) -> Result<Self> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err(Error::usage(format!("TLS {text:?} cannot be offered"))
                .help("write tls=1.2 or tls=1.3")),
        }
    }

    fn offered(self) -> Versions {
        match self {
            Self::Tls12 => TLS12,
            Self::Tls13 => TLS13,
        }
    }

    /// The same for curl.
    pub fn of_curl(self) -> &'static [&'static str] {
        match self {
            Self::Tls12 => &["--tlsv1.2", "--tls-max", "1.2"],
            Self::Tls13 => &["--tlsv1.3"],
        }
    }

    /// The same for openssl.
    pub fn of_openssl(self) -> &'static str {
        match self {
            Self::Tls12 => " -tls1_2",
            Self::Tls13 => " -tls1_3",
        }
    }
}

/// How TLS is spoken with a server.
pub struct Tls {
    pub host: String,
    server: ServerName<'static>,
    /// Whose signatures are trusted.
    roots: Option<Arc<RootCertStore>>,
    version: Option<Version>,
}

impl Tls {
    /// # Errors
    /// A host that cannot be named in a handshake; a `ca` that is no certificate in PEM.
    pub fn of(host: &str, ca: Option<&str>, version: Option<Version>) -> Result<Self> {
        let server = ServerName::try_from(host.to_owned()).map_err(|why| {
            Error::usage(format!("{host:?} is no host")).because(why).help("name one as shop.test")
        })?;
        let roots = ca.map(roots).transpose()?;
        Ok(Self { host: host.to_owned(), server, roots, version })
    }

    /// Makes the handshake; the connection, and what is to be said about it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn handshake(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Value), String> {
        let failed = |why: &dyn std::fmt::Display| format!("the TLS handshake failed: {why}");
        let provider = Arc::new(ring::default_provider());
        let judge = Judge::new(self.roots.clone(), &provider).map_err(|why| failed(&why))?;
        let judge = Arc::new(judge);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.version.map_or(BOTH, Version::offered))
            .map_err(|why| failed(&why))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&judge) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.enable_sni = self.host.parse::<IpAddr>().is_err();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(self.server.clone(), stream)
            .await
            .map_err(|why| failed(&why))?;
        let version = match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "1.3",
        };
        let told = told(Some(version), judge.why().as_deref());
        Ok((stream, told))
    }
}

/// What an answer says about TLS.
pub fn told(version: Option<&str>, why: Option<&str>) -> Value {
    json!({ "version": version, "trusted": why.is_none(), "why": why })
}

/// The certificates in a text.
fn roots(pem: &str) -> Result<Arc<RootCertStore>> {
    let wrong = |why: &dyn std::fmt::Display| {
        Error::usage("What ca= gives is no certificate").because(why).help(
            "give the text between BEGIN CERTIFICATE and END CERTIFICATE, both lines included",
        )
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|why| wrong(&why))?).map_err(|why| wrong(&why))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"there is none in PEM"));
    }
    Ok(Arc::new(roots))
}

/// Judges a server's certificate, and lets the handshake go on whatever it finds.
#[derive(Debug)]
struct Judge {
    strict: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    /// What was found against the certificate.
    why: Mutex<Option<String>>,
}

impl Judge {
    fn new(
        roots: Option<Arc<RootCertStore>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let strict = |roots| {
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build()
        };
        let strict = roots.map(strict).transpose().map_err(|why| why.to_string())?;
        Ok(Self { strict, provider: Arc::clone(provider), why: Mutex::new(Some(NO_CA.to_owned())) })
    }

    fn why(&self) -> Option<String> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(strict) = &self.strict {
            let judged = strict.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) =
                judged.err().map(|why| reason(&why));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a certificate is not trusted, in words that stay the same and hold no time.
fn reason(error: &rustls::Error) -> String {
    use CertificateError as Found;
    let rustls::Error::InvalidCertificate(found) = error else { return error.to_string() };
    match found {
        Found::Expired | Found::ExpiredContext { .. } => "expired".to_owned(),
        Found::NotValidYet | Found::NotValidYetContext { .. } => "not valid yet".to_owned(),
        Found::UnknownIssuer => "unknown issuer".to_owned(),
        Found::NotValidForName | Found::NotValidForNameContext { .. } => "other name".to_owned(),
        other => other.to_string(),
    }
}
