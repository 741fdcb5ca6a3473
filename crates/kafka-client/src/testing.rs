//! Settings and certificates for tests.
#![allow(clippy::unwrap_used)]

use crate::{KafkaOptions, KafkaSettings};
use openssl::{
    asn1::Asn1Time,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    symm::Cipher,
    x509::{X509, X509Builder, X509Name, X509NameBuilder},
};
use std::{fs, path::Path};

pub(crate) const TOPIC: &str = "button_presses";

/// The options for a Kafka with these bootstrap servers, and no registry.
pub(crate) fn options(bootstrap: &str) -> KafkaOptions {
    KafkaOptions {
        kafka_service_uri: Some(bootstrap.to_owned()),
        schema_registry_uri: Some("http://127.0.0.1:1".to_owned()),
        topic: TOPIC.to_owned(),
        ..KafkaOptions::default()
    }
}

pub(crate) fn settings(bootstrap: &str) -> KafkaSettings {
    KafkaSettings::resolve(&options(bootstrap)).unwrap().unwrap()
}

/// Validity of certificates whose expiry does not matter.
pub(crate) const BEGIN: i64 = 1_577_836_800; // 2020-01-01
pub(crate) const END: i64 = 4_102_444_800; // 2100-01-01

/// A key and a certificate for it.
pub(crate) struct Issued {
    key: PKey<Private>,
    certificate: X509,
}

impl Issued {
    /// A self-signed authority.
    pub(crate) fn authority(from: i64, until: i64) -> Self {
        issue("Test CA", None, from, until)
    }

    /// A user's certificate, by this authority.
    pub(crate) fn user(&self, from: i64, until: i64) -> Self {
        issue("user", Some(self), from, until)
    }

    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub(crate) fn key(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().unwrap()
    }

    pub(crate) fn protected_key(&self, passphrase: &str) -> Vec<u8> {
        let cipher = Cipher::aes_256_cbc();
        self.key.private_key_to_pem_pkcs8_passphrase(cipher, passphrase.as_bytes()).unwrap()
    }
}

fn name(text: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_nid(Nid::COMMONNAME, text).unwrap();
    name.build()
}

fn issue(subject: &str, issuer: Option<&Issued>, from: i64, until: i64) -> Issued {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name(subject)).unwrap();
    match issuer {
        Some(issuer) => builder.set_issuer_name(issuer.certificate.subject_name()).unwrap(),
        None => builder.set_issuer_name(&name(subject)).unwrap(),
    }
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(from).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(until).unwrap()).unwrap();
    let signer = issuer.map_or(&key, |issuer| &issuer.key);
    builder.sign(signer, MessageDigest::sha256()).unwrap();
    Issued { certificate: builder.build(), key }
}

/// Writes a set of files with the names that a hosted Kafka gives them.
pub(crate) fn write(folder: &Path, authority: &Issued, user: &Issued) {
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("service.cert"), user.pem()).unwrap();
    fs::write(folder.join("service.key"), user.key()).unwrap();
}
