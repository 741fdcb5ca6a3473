//! The certificate files that a hosted Kafka hands out, and whether they can be used.
//!
//! Files are replaced one after the other, and some programs write them in pieces. So a set is
//! read into memory and checked as a whole, and librdkafka gets what was checked, not the files.

use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    pkey::{PKey, Private},
    x509::{X509, X509Ref},
};
use rdkafka::ClientConfig;
use std::{
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The files, by the names that Aiven gives them.
const CA: &str = "ca.pem";
const CERTIFICATE: &str = "service.cert";
const KEY: &str = "service.key";

/// An end so near is reported.
const EXPIRY_WARNING_DAYS: i64 = 30;

/// Why a set of certificate files cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file is missing.
    #[error(
        "{path} does not exist: put ca.pem, service.cert and service.key into the folder of --kafka-certificates"
    )]
    Missing {
        /// The file that is looked for.
        path: PathBuf,
    },
    /// A file is there and cannot be read.
    #[error("{path} cannot be read ({source}): let the relay's user read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file has no certificate, or half of one.
    #[error(
        "{path} is not a certificate in PEM format, or not all of one (it begins with -----BEGIN CERTIFICATE-----): download it again"
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file of the key has none, or half of one.
    #[error(
        "{path} is not a private key in PEM format, or not all of one (it begins with -----BEGIN PRIVATE KEY----- or similar): download it again"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted and the passphrase was not given.
    #[error(
        "{path} is protected by a passphrase: give it with --kafka-property ssl.key.password=… (KAFKA_PROPERTIES), or put an unprotected key there"
    )]
    Passphrase {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted with another passphrase.
    #[error("{path} cannot be opened with the passphrase in ssl.key.password: correct one of them")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The certificate was made for another key.
    #[error(
        "service.key in {folder} does not belong to service.cert: download both of the same Kafka user, one after the other, and put them there"
    )]
    Mismatch {
        /// Where they are.
        folder: PathBuf,
    },
    /// It is over.
    #[error(
        "{file} in {folder} expired on {day} (UTC): download {what} and put {them} there; {they} taken up while the relay runs",
        what = remedy(.file).0, them = remedy(.file).1, they = remedy(.file).2
    )]
    Expired {
        /// Name of the file.
        file: &'static str,
        /// Where it is.
        folder: PathBuf,
        /// Its last day.
        day: String,
    },
    /// It has not begun.
    #[error(
        "{file} in {folder} is valid only from {day} (UTC): check this machine's clock; if that is right, download {what} and put {them} there",
        what = remedy(.file).0, them = remedy(.file).1
    )]
    NotYet {
        /// Name of the file.
        file: &'static str,
        /// Where it is.
        folder: PathBuf,
        /// Its first day.
        day: String,
    },
}

/// What to download, with the words that follow from there being one or two of it.
fn remedy(file: &str) -> (&'static str, &'static str, &'static str) {
    match file {
        CA => ("the current CA certificate of your Kafka", "it", "it is"),
        _ => ("the current access certificate and key of your Kafka user", "them", "they are"),
    }
}

/// A folder with certificate files.
#[derive(Clone)]
pub struct Folder {
    path: PathBuf,
    /// What opens the key, if it is protected.
    passphrase: Option<String>,
}

/// The contents of the files at one moment, whatever they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Three files that belong together. They may be out of date.
#[derive(Clone)]
pub struct Certificates {
    contents: Contents,
    pem: Pem,
    /// When each can be used.
    terms: [Term; 2],
    folder: PathBuf,
}

/// The same as librdkafka takes it: texts with nothing else in them, the key unprotected.
#[derive(Clone)]
struct Pem {
    ca: String,
    certificate: String,
    key: String,
}

/// From when to when a file can be used, in seconds since 1970.
#[derive(Clone, Copy)]
struct Term {
    file: &'static str,
    from: i64,
    until: i64,
}

impl Folder {
    /// Nothing is read yet.
    pub fn new(path: &Path, passphrase: Option<&str>) -> Self {
        Self { path: path.to_owned(), passphrase: passphrase.map(str::to_owned) }
    }

    /// Reads the files.
    pub fn read(&self) -> Result<Contents, CertificateError> {
        let read = |file| {
            let path = self.path.join(file);
            std::fs::read(&path).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => CertificateError::Missing { path },
                _ => CertificateError::Unreadable { path, source },
            })
        };
        Ok(Contents { ca: read(CA)?, certificate: read(CERTIFICATE)?, key: read(KEY)? })
    }

    /// Checks that the files are whole and belong together.
    pub fn check(&self, contents: Contents) -> Result<Certificates, CertificateError> {
        let ca = self.certificates(CA, &contents.ca)?;
        let chain = self.certificates(CERTIFICATE, &contents.certificate)?;
        let key = self.key(&contents.key)?;
        let mine = |own: &X509| own.public_key().is_ok_and(|public| public.public_eq(&key));
        // The first is the relay's own; those behind it lead to the authority.
        if !chain.first().is_some_and(mine) {
            return Err(CertificateError::Mismatch { folder: self.path.clone() });
        }
        let unusable =
            |file| move |_| CertificateError::NoCertificate { path: self.path.join(file) };
        let terms = [
            // One authority of a bundle suffices; of a chain no link may be missing.
            Term::of(CA, &ca, Join::Any).map_err(unusable(CA))?,
            Term::of(CERTIFICATE, &chain, Join::All).map_err(unusable(CERTIFICATE))?,
        ];
        let pem = Pem {
            ca: text(&ca).map_err(unusable(CA))?,
            certificate: text(&chain).map_err(unusable(CERTIFICATE))?,
            key: key
                .private_key_to_pem_pkcs8()
                .map(|pem| String::from_utf8_lossy(&pem).into_owned())
                .map_err(|_| CertificateError::NoKey { path: self.path.join(KEY) })?,
        };
        Ok(Certificates { contents, pem, terms, folder: self.path.clone() })
    }

    fn certificates(&self, file: &str, pem: &[u8]) -> Result<Vec<X509>, CertificateError> {
        X509::stack_from_pem(pem)
            .ok()
            .filter(|found| !found.is_empty())
            .ok_or_else(|| CertificateError::NoCertificate { path: self.path.join(file) })
    }

    fn key(&self, pem: &[u8]) -> Result<PKey<Private>, CertificateError> {
        // Without an answer of ours OpenSSL would ask at the terminal.
        let mut asked = false;
        let answer = |buffer: &mut [u8]| {
            asked = true;
            let passphrase = self.passphrase.as_deref().unwrap_or_default().as_bytes();
            Ok(buffer.get_mut(..passphrase.len()).map_or(0, |start| {
                start.copy_from_slice(passphrase);
                passphrase.len()
            }))
        };
        let key = PKey::private_key_from_pem_callback(pem, answer);
        key.map_err(|_| {
            let path = self.path.join(KEY);
            match (asked, &self.passphrase) {
                (false, _) => CertificateError::NoKey { path },
                (true, None) => CertificateError::Passphrase { path },
                (true, Some(_)) => CertificateError::WrongPassphrase { path },
            }
        })
    }
}

impl Certificates {
    /// Whether they are made of these files.
    pub fn are(&self, contents: &Contents) -> bool {
        self.contents == *contents
    }

    /// Whether they can be used now.
    pub fn valid(&self) -> Result<(), CertificateError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.valid_at(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
    }

    /// When the first of them expires, in seconds since 1970.
    pub fn expiry(&self) -> i64 {
        self.terms.iter().map(|term| term.until).min().unwrap_or(i64::MAX)
    }

    /// Says so if one expires within [`EXPIRY_WARNING_DAYS`].
    pub fn expires_soon(&self) -> Option<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.expires_soon_at(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
    }

    fn expires_soon_at(&self, now: i64) -> Option<String> {
        let first = self.terms.iter().min_by_key(|term| term.until)?;
        let days = first.until.saturating_sub(now).div_euclid(24 * 60 * 60);
        (0..EXPIRY_WARNING_DAYS).contains(&days).then(|| {
            let (what, them, they) = remedy(first.file);
            format!(
                "{} in {} expires on {} (UTC), in {days} days: download {what} and put {them} there; \
                 {they} taken up while the relay runs",
                first.file,
                self.folder.display(),
                day(first.until)
            )
        })
    }

    fn valid_at(&self, now: i64) -> Result<(), CertificateError> {
        // The relay's own first: it is the one that expires often.
        for Term { file, from, until } in self.terms.into_iter().rev() {
            let folder = self.folder.clone();
            if now > until {
                return Err(CertificateError::Expired { file, folder, day: day(until) });
            }
            if now < from {
                return Err(CertificateError::NotYet { file, folder, day: day(from) });
            }
        }
        Ok(())
    }

    /// Gives them to a client, unless its properties name others.
    pub fn apply(&self, client: &mut ClientConfig) {
        let roles = [
            ("ssl.ca.pem", &self.pem.ca, &["ssl.ca.location"][..]),
            (
                "ssl.certificate.pem",
                &self.pem.certificate,
                &["ssl.certificate.location", "ssl.keystore.location"],
            ),
            ("ssl.key.pem", &self.pem.key, &["ssl.key.location", "ssl.keystore.location"]),
        ];
        for (property, pem, others) in roles {
            let given = |name: &str| client.get(name).is_some();
            if !given(property) && !others.iter().any(|other| given(other)) {
                client.set(property, pem);
            }
        }
    }
}

/// Whether a file can be used while all of its certificates can, or any.
#[derive(Clone, Copy)]
enum Join {
    All,
    Any,
}

impl Term {
    fn of(file: &'static str, certificates: &[X509], join: Join) -> Result<Self, ErrorStack> {
        let one = |certificate: &X509| -> Result<(i64, i64), ErrorStack> {
            Ok((seconds(certificate.not_before())?, seconds(certificate.not_after())?))
        };
        let terms = certificates.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        let (from, until) = terms
            .into_iter()
            .reduce(|(from, until), (begin, end)| match join {
                Join::All => (from.max(begin), until.min(end)),
                Join::Any => (from.min(begin), until.max(end)),
            })
            .unwrap_or((i64::MAX, i64::MIN));
        Ok(Self { file, from, until })
    }
}

/// Seconds since 1970.
fn seconds(time: &Asn1TimeRef) -> Result<i64, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(i64::from(since.days) * 24 * 60 * 60 + i64::from(since.secs))
}

fn day(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .map_or_else(|| "an unknown day".to_owned(), |time| time.format("%Y-%m-%d").to_string())
}

fn text(certificates: &[X509]) -> Result<String, ErrorStack> {
    let pems: Result<Vec<Vec<u8>>, _> =
        certificates.iter().map(AsRef::<X509Ref>::as_ref).map(X509Ref::to_pem).collect();
    Ok(String::from_utf8_lossy(&pems?.concat()).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::testing::{BEGIN, END, Made, write},
        *,
    };
    use rdkafka::{config::FromClientConfig, producer::BaseProducer};
    use std::fs;
    use tempfile::TempDir;

    /// A folder with a sound set, and what it was made of.
    fn sound() -> (TempDir, Made, Made) {
        let folder = tempfile::tempdir().unwrap();
        let authority = Made::authority(BEGIN, END);
        let user = authority.user(BEGIN, END);
        write(folder.path(), &authority, &user);
        (folder, authority, user)
    }

    fn load(folder: &Path, passphrase: Option<&str>) -> Result<Certificates, CertificateError> {
        let folder = Folder::new(folder, passphrase);
        folder.check(folder.read()?)
    }

    fn refused(folder: &TempDir) -> String {
        load(folder.path(), None).err().unwrap().to_string()
    }

    /// Whether librdkafka takes them.
    fn taken(certificates: &Certificates) -> bool {
        let mut client = ClientConfig::new();
        client.set("security.protocol", "ssl");
        certificates.apply(&mut client);
        BaseProducer::from_config(&client).is_ok()
    }

    #[test]
    fn a_sound_set_is_what_librdkafka_gets() {
        let (folder, ..) = sound();
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.valid().is_ok());
        assert!(taken(&certificates));
    }

    #[test]
    fn properties_win_over_the_folder() {
        let (folder, ..) = sound();
        let mut client = ClientConfig::new();
        client.set("ssl.ca.location", "/etc/ssl/other.pem");
        load(folder.path(), None).unwrap().apply(&mut client);
        assert_eq!(client.get("ssl.ca.pem"), None);
        assert!(client.get("ssl.key.pem").is_some());
    }

    #[test]
    fn every_file_has_to_be_there_and_whole() {
        for file in [CA, CERTIFICATE, KEY] {
            let (folder, ..) = sound();
            let path = folder.path().join(file);
            let whole = fs::read(&path).unwrap();

            fs::remove_file(&path).unwrap();
            let error = refused(&folder);
            assert!(error.contains(&format!("{file} does not exist")), "{error}");

            for broken in [&b"\xff\x00 garbage"[..], b"", &whole[..whole.len() / 2]] {
                fs::write(&path, broken).unwrap();
                let error = refused(&folder);
                assert!(error.contains(&format!("{file} is not a ")), "{error}");
            }

            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            let error = refused(&folder);
            assert!(error.contains(&format!("{file} cannot be read")), "{error}");
        }
    }

    #[test]
    fn half_a_replacement_is_found_out() {
        let (folder, authority, _) = sound();
        let newer = authority.user(BEGIN, END);
        fs::write(folder.path().join(CERTIFICATE), newer.pem()).unwrap();
        let error = refused(&folder);
        assert!(error.contains("does not belong to service.cert"), "{error}");
        fs::write(folder.path().join(KEY), newer.key()).unwrap();
        assert!(load(folder.path(), None).is_ok());
    }

    #[test]
    fn a_set_that_is_out_of_date_is_read_and_says_so() {
        const MARCH: i64 = 1_772_366_399; // 2026-03-01, in the middle of the day
        let folder = tempfile::tempdir().unwrap();
        let authority = Made::authority(BEGIN, END);
        write(folder.path(), &authority, &authority.user(BEGIN, MARCH));
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.valid_at(MARCH).is_ok());
        let place = folder.path().display();
        assert_eq!(
            certificates.valid_at(MARCH + 1).unwrap_err().to_string(),
            format!(
                "service.cert in {place} expired on 2026-03-01 (UTC): download the current access \
                 certificate and key of your Kafka user and put them there; they are taken up \
                 while the relay runs"
            )
        );
        let error = certificates.valid_at(BEGIN - 1).unwrap_err().to_string();
        assert!(error.contains("valid only from 2020-01-01 (UTC): check this machine's clock"));
        // The client itself does not mind: the relay starts.
        assert!(taken(&certificates));
    }

    #[test]
    fn certificates_that_expire_soon_are_reported_with_their_day() {
        const DAY: i64 = 24 * 60 * 60;
        const MARCH: i64 = 1_772_366_399; // 2026-03-01
        let folder = tempfile::tempdir().unwrap();
        let authority = Made::authority(BEGIN, END);
        write(folder.path(), &authority, &authority.user(BEGIN, MARCH));
        let certificates = load(folder.path(), None).unwrap();
        assert_eq!(certificates.expiry(), MARCH);
        assert_eq!(certificates.expires_soon_at(MARCH - 30 * DAY), None);
        let warning = certificates.expires_soon_at(MARCH - 14 * DAY).unwrap();
        assert!(warning.starts_with("service.cert in "), "{warning}");
        assert!(warning.contains("expires on 2026-03-01 (UTC), in 14 days: download"), "{warning}");
        assert!(certificates.expires_soon_at(MARCH).is_some());
        // One that has expired is another matter.
        assert_eq!(certificates.expires_soon_at(MARCH + 1), None);
    }

    #[test]
    fn of_a_bundle_of_authorities_one_in_date_suffices() {
        const PAST: i64 = BEGIN + 1;
        let (folder, authority, _) = sound();
        let old = Made::authority(BEGIN, PAST);
        let bundle = [old.pem(), b"# a comment, \xe9\n\n".to_vec(), authority.pem()].concat();
        fs::write(folder.path().join(CA), bundle).unwrap();
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.valid().is_ok() && taken(&certificates));

        fs::write(folder.path().join(CA), old.pem()).unwrap();
        let error = load(folder.path(), None).unwrap().valid().unwrap_err().to_string();
        assert!(error.starts_with("ca.pem") && error.contains("put it there; it is taken up"));
    }

    #[test]
    fn of_a_chain_every_certificate_has_to_be_in_date() {
        let (folder, authority, user) = sound();
        let between = authority.user(BEGIN, BEGIN + 1);
        let chain = [user.pem(), between.pem()].concat();
        fs::write(folder.path().join(CERTIFICATE), chain).unwrap();
        let certificates = load(folder.path(), None).unwrap();
        assert!(certificates.valid().is_err() && taken(&certificates));
    }

    #[test]
    fn a_protected_key_needs_its_passphrase() {
        let (folder, _, user) = sound();
        fs::write(folder.path().join(KEY), user.protected_key("secret")).unwrap();
        let error = refused(&folder);
        assert!(error.contains("protected by a passphrase"), "{error}");
        let error = load(folder.path(), Some("wrong")).err().unwrap().to_string();
        assert!(error.contains("cannot be opened") && !error.contains("wrong"), "{error}");
        let long = "x".repeat(5000);
        assert!(load(folder.path(), Some(&long)).is_err());
        let certificates = load(folder.path(), Some("secret")).unwrap();
        assert!(taken(&certificates));
    }
}
