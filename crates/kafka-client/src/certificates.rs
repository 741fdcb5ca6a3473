//! Certificate files of a hosted Kafka: reading, checks, expiry.
//!
//! Files are replaced one after the other, and some programs write them in pieces. So a set is read
//! into memory and checked as a whole, and librdkafka receives what was checked, not the files.

use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    pkey::{PKey, Private},
    x509::X509,
};
use rdkafka::ClientConfig;
use std::{
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Names of the files, as Aiven has them.
const CA: &str = "ca.pem";
const CERTIFICATE: &str = "service.cert";
const KEY: &str = "service.key";

const EXPIRY_WARNING_DAYS: i64 = 30;

/// Advice for certificates that expire.
const REPLACE: &str = "download the current files of your Kafka user and put them there; they are \
                       taken up while the relay runs";

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Why a set of certificate files cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file is missing, or may not be read.
    #[error(
        "{path} cannot be read: ca.pem, service.cert and service.key have to be in the folder of --kafka-certificates, readable for the relay's user"
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file does not contain what its name stands for, or only a part of it.
    #[error(
        "{path} is not {content} in PEM format, or not all of it (it begins with -----BEGIN); download it again"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it has to be.
        content: &'static str,
        /// OpenSSL's error; none for a file without any PEM.
        source: Option<ErrorStack>,
    },
    /// The key is encrypted, and its passphrase is missing or another.
    #[error(
        "{path} cannot be decrypted: set ssl.key.password with --kafka-property (KAFKA_PROPERTIES) to its passphrase, or put an unprotected key there"
    )]
    Passphrase {
        /// The file.
        path: PathBuf,
        /// OpenSSL's error.
        source: ErrorStack,
    },
    /// The certificate was made for another key.
    #[error(
        "service.key in {folder} does not belong to service.cert: download both of the same Kafka user, one after the other, and put them there"
    )]
    Mismatch {
        /// The folder.
        folder: PathBuf,
    },
    /// A certificate is no longer valid.
    #[error("{path} expired on {day} (UTC): {REPLACE}")]
    Expired {
        /// The file.
        path: PathBuf,
        /// Its last day.
        day: String,
    },
    /// A certificate is not valid yet.
    #[error(
        "{path} is valid only from {day} (UTC): check this machine's clock; if that is right, {REPLACE}"
    )]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// Its first day.
        day: String,
    },
}

/// A folder with the three files.
#[derive(Clone)]
pub struct CertificateFolder {
    path: PathBuf,
    /// Passphrase of the key, if it is protected.
    passphrase: Option<String>,
}

/// Three files that belong together. They may have expired.
pub struct Certificates {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
    /// Of the relay's own certificate, and of the CA.
    validity: [Validity; 2],
}

/// The time in which a file can be used, in seconds since 1970.
struct Validity {
    path: PathBuf,
    from: i64,
    until: i64,
}

impl CertificateFolder {
    /// Reads nothing yet.
    pub fn new(path: &Path, passphrase: Option<&str>) -> Self {
        Self { path: path.to_owned(), passphrase: passphrase.map(str::to_owned) }
    }

    /// Reads the files, and checks that they are whole and belong together.
    ///
    /// # Errors
    /// If one of them is missing, unreadable or damaged, or belongs to another set.
    pub fn load(&self) -> Result<Certificates, CertificateError> {
        let (ca, certificate, key) = (self.read(CA)?, self.read(CERTIFICATE)?, self.read(KEY)?);
        let authorities = self.parse_certificates(CA, &ca)?;
        let chain = self.parse_certificates(CERTIFICATE, &certificate)?;
        let parsed_key = self.parse_key(&key)?;
        // The first is the relay's own; those behind it lead to the authority.
        let is_of_key = |own: &X509| own.public_key().is_ok_and(|it| it.public_eq(&parsed_key));
        if !chain.first().is_some_and(is_of_key) {
            return Err(CertificateError::Mismatch { folder: self.path.clone() });
        }
        let validity = [
            // Every certificate of a chain has to be valid; of a bundle of authorities, one.
            self.validity(CERTIFICATE, &chain, i64::max, i64::min)?,
            self.validity(CA, &authorities, i64::min, i64::max)?,
        ];
        Ok(Certificates { ca, certificate, key, validity })
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, CertificateError> {
        let path = self.path.join(file);
        std::fs::read(&path).map_err(|source| CertificateError::Unreadable { path, source })
    }

    fn parse_certificates(&self, file: &str, pem: &[u8]) -> Result<Vec<X509>, CertificateError> {
        match X509::stack_from_pem(pem) {
            Ok(certificates) if certificates.is_empty() => Err(self.malformed(file, None)),
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.malformed(file, Some(error))),
        }
    }

    fn malformed(&self, file: &str, source: Option<ErrorStack>) -> CertificateError {
        let content = if file == KEY { "a private key" } else { "a certificate" };
        CertificateError::Malformed { path: self.path.join(file), content, source }
    }

    fn parse_key(&self, pem: &[u8]) -> Result<PKey<Private>, CertificateError> {
        // Without a callback OpenSSL would prompt at the terminal.
        let mut is_protected = false;
        let passphrase_callback = |buffer: &mut [u8]| {
            is_protected = true;
            let passphrase = self.passphrase.as_deref().unwrap_or_default().as_bytes();
            Ok(buffer.get_mut(..passphrase.len()).map_or(0, |start| {
                start.copy_from_slice(passphrase);
                passphrase.len()
            }))
        };
        let key = PKey::private_key_from_pem_callback(pem, passphrase_callback);
        key.map_err(|source| match is_protected {
            true => CertificateError::Passphrase { path: self.path.join(KEY), source },
            false => self.malformed(KEY, Some(source)),
        })
    }

    /// Joins the validities of a file's certificates.
    fn validity(
        &self,
        file: &str,
        certificates: &[X509],
        join_from: fn(i64, i64) -> i64,
        join_until: fn(i64, i64) -> i64,
    ) -> Result<Validity, CertificateError> {
        let times = |certificate: &X509| {
            let from = unix_seconds(certificate.not_before())?;
            Ok((from, unix_seconds(certificate.not_after())?))
        };
        let times: Result<Vec<_>, ErrorStack> = certificates.iter().map(times).collect();
        let times = times.map_err(|error| self.malformed(file, Some(error)))?;
        let joined = times.into_iter().reduce(|(from, until), (other_from, other_until)| {
            (join_from(from, other_from), join_until(until, other_until))
        });
        let (from, until) = joined.unwrap_or_default();
        Ok(Validity { path: self.path.join(file), from, until })
    }
}

impl PartialEq for Certificates {
    fn eq(&self, other: &Self) -> bool {
        self.ca == other.ca && self.certificate == other.certificate && self.key == other.key
    }
}

impl Certificates {
    /// Checks that they are valid now.
    ///
    /// # Errors
    /// If one has expired or is not valid yet.
    pub fn check_validity(&self) -> Result<(), CertificateError> {
        self.check_validity_at(unix_now())
    }

    fn check_validity_at(&self, now: i64) -> Result<(), CertificateError> {
        for Validity { path, from, until } in &self.validity {
            let path = path.clone();
            if now > *until {
                return Err(CertificateError::Expired { path, day: day(*until) });
            }
            if now < *from {
                return Err(CertificateError::NotYetValid { path, day: day(*from) });
            }
        }
        Ok(())
    }

    fn first_to_expire(&self) -> &Validity {
        let [own, ca] = &self.validity;
        if own.until <= ca.until { own } else { ca }
    }

    /// When the first of them expires, in seconds since 1970.
    pub fn expiry(&self) -> i64 {
        self.first_to_expire().until
    }

    /// A warning if one expires within 30 days.
    pub fn expiry_warning(&self) -> Option<String> {
        self.expiry_warning_at(unix_now())
    }

    fn expiry_warning_at(&self, now: i64) -> Option<String> {
        let Validity { path, until, .. } = self.first_to_expire();
        let days = until.saturating_sub(now).div_euclid(SECONDS_PER_DAY);
        let (path, day) = (path.display(), day(*until));
        (0..EXPIRY_WARNING_DAYS)
            .contains(&days)
            .then(|| format!("{path} expires on {day} (UTC), in {days} days: {REPLACE}"))
    }

    /// Sets them as a client's properties, unless those name others.
    pub fn apply(&self, client: &mut ClientConfig) {
        let Self { ca, certificate, key, .. } = self;
        let roles = [
            ("ssl.ca.pem", ca, &["ssl.ca.location"][..]),
            (
                "ssl.certificate.pem",
                certificate,
                &["ssl.certificate.location", "ssl.keystore.location"],
            ),
            ("ssl.key.pem", key, &["ssl.key.location", "ssl.keystore.location"]),
        ];
        for (property, pem, others) in roles {
            let is_set = |name: &str| client.get(name).is_some();
            if !is_set(property) && !others.iter().any(|other| is_set(other)) {
                // Comments between the PEM blocks may be in any encoding.
                client.set(property, String::from_utf8_lossy(pem));
            }
        }
    }
}

fn unix_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn unix_seconds(time: &Asn1TimeRef) -> Result<i64, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(i64::from(since.days) * SECONDS_PER_DAY + i64::from(since.secs))
}

fn day(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .map_or_else(|| "an unknown day".to_owned(), |time| time.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{BEGIN, END, Issued, write};
    use rdkafka::{config::FromClientConfig, producer::BaseProducer};
    use std::fs;
    use tempfile::TempDir;

    /// A folder with a usable set, its authority and its user.
    fn usable() -> (TempDir, Issued, Issued) {
        let folder = tempfile::tempdir().unwrap();
        let authority = Issued::authority(BEGIN, END);
        let user = authority.user(BEGIN, END);
        write(folder.path(), &authority, &user);
        (folder, authority, user)
    }

    fn load(folder: &Path, passphrase: Option<&str>) -> Result<Certificates, CertificateError> {
        CertificateFolder::new(folder, passphrase).load()
    }

    fn load_error(folder: &TempDir) -> String {
        load(folder.path(), None).err().unwrap().to_string()
    }

    fn librdkafka_accepts(certificates: &Certificates) -> bool {
        librdkafka_accepts_with(certificates, ClientConfig::new())
    }

    fn librdkafka_accepts_with(certificates: &Certificates, mut client: ClientConfig) -> bool {
        client.set("security.protocol", "ssl");
        certificates.apply(&mut client);
        BaseProducer::from_config(&client).is_ok()
    }

    #[test]
    fn usable_set_is_accepted_by_librdkafka() {
        let (folder, ..) = usable();
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.check_validity().is_ok());
        assert!(librdkafka_accepts(&certificates));
    }

    #[test]
    fn properties_override_folder() {
        let (folder, ..) = usable();
        let mut client = ClientConfig::new();
        client.set("ssl.ca.location", "/etc/ssl/other.pem");
        load(folder.path(), None).unwrap().apply(&mut client);
        assert_eq!(client.get("ssl.ca.pem"), None);
        assert!(client.get("ssl.key.pem").is_some());
    }

    #[test]
    fn missing_or_damaged_file_is_named() {
        for file in [CA, CERTIFICATE, KEY] {
            let (folder, ..) = usable();
            let path = folder.path().join(file);
            let whole = fs::read(&path).unwrap();

            fs::remove_file(&path).unwrap();
            let error = load_error(&folder);
            assert!(error.contains(&format!("{file} cannot be read")), "{error}");

            for broken in [&b"\xff\x00 garbage"[..], b"", &whole[..whole.len() / 2]] {
                fs::write(&path, broken).unwrap();
                let error = load_error(&folder);
                assert!(error.contains(&format!("{file} is not a ")), "{error}");
            }

            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            let error = load_error(&folder);
            assert!(error.contains(&format!("{file} cannot be read")), "{error}");
        }
    }

    #[test]
    fn half_replaced_set_is_a_mismatch() {
        let (folder, authority, _) = usable();
        let newer = authority.user(BEGIN, END);
        fs::write(folder.path().join(CERTIFICATE), newer.pem()).unwrap();
        let error = load_error(&folder);
        assert!(error.contains("does not belong to service.cert"), "{error}");
        fs::write(folder.path().join(KEY), newer.key()).unwrap();
        assert!(load(folder.path(), None).is_ok());
    }

    #[test]
    fn expired_set_is_loaded_and_not_valid() {
        const MARCH: i64 = 1_772_366_399; // 2026-03-01, in the middle of the day
        let folder = tempfile::tempdir().unwrap();
        let authority = Issued::authority(BEGIN, END);
        write(folder.path(), &authority, &authority.user(BEGIN, MARCH));
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.check_validity_at(MARCH).is_ok());
        let error = certificates.check_validity_at(MARCH + 1).unwrap_err().to_string();
        let path = folder.path().join(CERTIFICATE);
        let expired = format!("{} expired on 2026-03-01 (UTC): download", path.display());
        assert!(error.starts_with(&expired), "{error}");
        let error = certificates.check_validity_at(BEGIN - 1).unwrap_err().to_string();
        assert!(error.contains("valid only from 2020-01-01 (UTC): check this machine's clock"));
        // librdkafka accepts it: the relay starts.
        assert!(librdkafka_accepts(&certificates));
    }

    #[test]
    fn near_expiry_is_a_warning_with_day() {
        const DAY: i64 = 24 * 60 * 60;
        const MARCH: i64 = 1_772_366_399; // 2026-03-01
        let folder = tempfile::tempdir().unwrap();
        let authority = Issued::authority(BEGIN, END);
        write(folder.path(), &authority, &authority.user(BEGIN, MARCH));
        let certificates = load(folder.path(), None).unwrap();
        assert_eq!(certificates.expiry(), MARCH);
        assert_eq!(certificates.expiry_warning_at(MARCH - 30 * DAY), None);
        let warning = certificates.expiry_warning_at(MARCH - 14 * DAY).unwrap();
        assert!(warning.contains("service.cert"), "{warning}");
        assert!(warning.contains("expires on 2026-03-01 (UTC), in 14 days: download"), "{warning}");
        assert!(certificates.expiry_warning_at(MARCH).is_some());
        // Expiry itself is an error.
        assert_eq!(certificates.expiry_warning_at(MARCH + 1), None);
    }

    #[test]
    fn ca_bundle_with_one_valid_authority_is_valid() {
        const PAST: i64 = BEGIN + 1;
        let (folder, authority, _) = usable();
        let old = Issued::authority(BEGIN, PAST);
        let bundle = [old.pem(), b"# a comment, \xe9\n\n".to_vec(), authority.pem()].concat();
        fs::write(folder.path().join(CA), bundle).unwrap();
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.check_validity().is_ok() && librdkafka_accepts(&certificates));

        fs::write(folder.path().join(CA), old.pem()).unwrap();
        let error = load(folder.path(), None).unwrap().check_validity().unwrap_err().to_string();
        assert!(error.contains("ca.pem expired on"), "{error}");
    }

    #[test]
    fn chain_with_one_expired_certificate_is_not_valid() {
        let (folder, authority, user) = usable();
        let between = authority.user(BEGIN, BEGIN + 1);
        let chain = [user.pem(), between.pem()].concat();
        fs::write(folder.path().join(CERTIFICATE), chain).unwrap();
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.check_validity().is_err() && librdkafka_accepts(&certificates));
    }

    #[test]
    fn protected_key_needs_its_passphrase() {
        let (folder, _, user) = usable();
        fs::write(folder.path().join(KEY), user.protected_key("secret")).unwrap();
        let error = load_error(&folder);
        assert!(error.contains("cannot be decrypted: set ssl.key.password"), "{error}");
        let error = load(folder.path(), Some("wrong")).err().unwrap().to_string();
        assert!(error.contains("cannot be decrypted") && !error.contains("wrong"), "{error}");
        let long = "x".repeat(5000);
        assert!(load(folder.path(), Some(&long)).is_err());
        let certificates = load(folder.path(), Some("secret")).unwrap();
        let mut client = ClientConfig::new();
        client.set("ssl.key.password", "secret");
        assert!(librdkafka_accepts_with(&certificates, client));
    }
}
