//! Certificates of the stack's own authority, in the files that a hosted Kafka hands out.
//!
//! ```text
//!  certificates/ca.pem        the authority, for clients and for the broker
//!               service.cert  the client's certificate and key
//!               service.key
//!               ca.key        what more certificates can be made with
//! ```

use crate::{
    Error,
    error::io,
    service::{make_folder, write},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Longer than anybody keeps a local stack.
const VALID_FOR: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// An authority that the broker believes.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// The authority in this folder, which is made if it is missing, and with it a certificate for
    /// clients.
    pub fn at(folder: &Path) -> Result<Self, Error> {
        let folder = make_folder(folder)?;
        let (key_file, certificate_file) = (folder.join("ca.key"), folder.join("ca.pem"));
        let key = if key_file.is_file() && certificate_file.is_file() {
            KeyPair::from_pem(&read(&key_file)?).map_err(unusable(&key_file))?
        } else {
            let key = KeyPair::generate().map_err(unusable(&key_file))?;
            let certificate = params().self_signed(&key).map_err(unusable(&certificate_file))?;
            write_secret(&key_file, &key.serialize_pem())?;
            write(&certificate_file, &certificate.pem())?;
            key
        };
        let certificate = read(&certificate_file)?;
        // What is issued refers to the authority by its name and key; both are as they were.
        let issuer = Issuer::new(params(), key);
        let authority = Self { folder, certificate, issuer };
        if !authority.folder.join("service.key").is_file() {
            authority.issue_client(&authority.folder, SystemTime::now() + VALID_FOR)?;
        }
        Ok(authority)
    }

    /// The folder with ca.pem, service.cert and service.key.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes ca.pem, service.cert and service.key into the folder, as a hosted Kafka hands them
    /// out. An end in the past gives a certificate that has expired.
    pub fn issue_client(&self, folder: &Path, valid_until: SystemTime) -> Result<(), Error> {
        let folder = make_folder(folder)?;
        let (certificate, key) =
            self.issue("kafka-button", ExtendedKeyUsagePurpose::ClientAuth, valid_until)?;
        if folder != self.folder {
            write(&folder.join("ca.pem"), &self.certificate)?;
        }
        write(&folder.join("service.cert"), &certificate)?;
        write_secret(&folder.join("service.key"), &key)
    }

    /// Writes the broker's certificate for 127.0.0.1 and localhost: the key and the chain in one
    /// file, as Kafka reads them.
    pub(crate) fn issue_broker(&self, file: &Path) -> Result<(), Error> {
        let until = SystemTime::now() + VALID_FOR;
        let (certificate, key) =
            self.issue("localhost", ExtendedKeyUsagePurpose::ServerAuth, until)?;
        write_secret(file, &format!("{key}{certificate}{}", self.certificate))
    }

    fn issue(
        &self,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
        valid_until: SystemTime,
    ) -> Result<(String, String), Error> {
        let failed = || unusable(&self.folder);
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).map_err(failed())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        params.not_after = valid_until.into();
        let key = KeyPair::generate().map_err(failed())?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed())?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = Default::default();
    params.distinguished_name.push(DnType::CommonName, "Kafka button, local stack");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(io(format!("read {}", file.display())))
}

fn write_secret(file: &Path, text: &str) -> Result<(), Error> {
    write(file, text)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
        .map_err(io(format!("protect {}", file.display())))
}

fn unusable(file: &Path) -> impl FnOnce(rcgen::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Certificates { file, source: Box::new(source) }
}
