//! TLS 1.2 and 1.3 by rustls, and clients that must show a certificate.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A server's certificate and key, and whose clients it talks to.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

/// Why a server cannot use what it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl Tls {
    /// From PEM: the server's certificate with those between it and its root, its private key, and, where clients
    /// must show a certificate, the authorities that make theirs.
    ///
    /// # Errors
    /// [`TlsError`] says which of them is not usable, and why.
    pub fn new(chain: &[u8], key: &[u8], clients: Option<&[u8]>) -> Result<Self, TlsError> {
        let wrong =
            |what: &str, why: &dyn ToString| TlsError(format!("{what}: {}", why.to_string()));
        let chain = certificates(chain).map_err(|why| wrong("the certificate", &why))?;
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|why| wrong("the private key", &why))?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|why| wrong("TLS", &why))?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                let authorities = certificates(clients);
                for root in authorities.map_err(|why| wrong("the clients' authorities", &why))? {
                    let added = roots.add(root);
                    added.map_err(|why| wrong("the clients' authorities", &why))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|why| wrong("the clients' authorities", &why))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|why| wrong("the certificate and its key", &why))?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Err(error) => Err(error.to_string()),
        Ok(none) if none.is_empty() => Err("there is none in the file".into()),
        Ok(certificates) => Ok(certificates),
    }
}
