//! `cargo xtask aiven`: from what Terraform made at Aiven to what the relay needs.

use crate::paths;
use anyhow::{Context, bail};
use serde_json::{Map, Value};
use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{self, Path, PathBuf},
    process::{Command, Stdio},
};

/// What to do.
#[derive(clap::Subcommand)]
pub enum Action {
    /// The relay's variables and certificates, of what `terraform apply` made
    ///
    /// Writes ca.pem, service.cert and service.key into a folder, for you alone to read, and prints
    /// the lines of an .env file: Kafka's address, the registry's with its password, and the folder.
    /// Again after certificates were replaced: a running relay takes up the newer files.
    Env(Env),
}

/// Where it comes from and goes to.
#[derive(clap::Args)]
pub struct Env {
    /// Folder for the certificates; files that are there are replaced
    #[arg(long, value_name = "FOLDER", default_value = "certs")]
    certificates: PathBuf,

    /// Write the lines into this file, which must not be there yet, in place of printing them
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The program that knows the state: terraform, or tofu
    #[arg(long, value_name = "PROGRAM", default_value = "terraform")]
    terraform: PathBuf,
}

/// Does it.
pub fn run(action: &Action) -> anyhow::Result<()> {
    let Action::Env(env) = action;
    let access = Access::from_outputs(&outputs(&env.terraform)?)?;
    // The relay may be started elsewhere.
    let certificates = path::absolute(&env.certificates)?;
    let lines = access.env(&certificates)?;
    access.write_certificates(&certificates)?;
    eprintln!("Certificates are in {}", certificates.display());
    if let Some(file) = &env.output {
        write_new(file, &lines)?;
        eprintln!("Variables are in {}", file.display());
    } else {
        print!("{lines}");
    }
    Ok(())
}

/// What `output -json` says. Its text is never part of an error, as it holds passwords and keys.
fn outputs(terraform: &Path) -> anyhow::Result<Map<String, Value>> {
    let folder = paths::root().join("deploy/aiven/terraform");
    let shown = terraform.display();
    let output = Command::new(terraform)
        .arg(format!("-chdir={}", folder.display()))
        .args(["output", "-json"])
        .stdin(Stdio::null())
        // What goes wrong it says itself.
        .stderr(Stdio::inherit())
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "{shown} is missing: install Terraform (https://developer.hashicorp.com/terraform/install), \
             or OpenTofu (https://opentofu.org) and say --terraform tofu"
        ),
        output => output.with_context(|| format!("cannot start {shown}"))?,
    };
    if !output.status.success() {
        bail!("{shown} output ended with {}; it said why", output.status);
    }
    let Ok(Value::Object(outputs)) = serde_json::from_slice(&output.stdout) else {
        bail!("{shown} output -json did not print a JSON object");
    };
    Ok(outputs)
}

/// What the relay needs to reach Kafka and the registry at Aiven.
struct Access {
    kafka_service_uri: String,
    /// With user and password.
    schema_registry_uri: String,
    /// What is in `ca.pem`, `service.cert` and `service.key`.
    certificates: [(&'static str, String); 3],
}

impl Access {
    /// Of the outputs in `deploy/aiven/terraform/outputs.tf`. An error if one is missing, is no text
    /// or not yet known, or is no PEM where there has to be one.
    fn from_outputs(outputs: &Map<String, Value>) -> anyhow::Result<Self> {
        if outputs.is_empty() {
            bail!(
                "Terraform knows of nothing that it made: `terraform apply` in deploy/aiven/terraform \
                 comes first, or its state is elsewhere"
            );
        }
        let text = |name: &str| {
            let output = outputs.get(name).with_context(|| {
                format!("Terraform has no output {name}: run `terraform apply` again")
            })?;
            let value = output.get("value").and_then(Value::as_str).unwrap_or_default();
            if value.is_empty() {
                bail!("Terraform's output {name} has no value: did `terraform apply` end well?");
            }
            Ok(value.to_owned())
        };
        let pem = |file, name| {
            let value = text(name)?;
            if !value.trim_start().starts_with("-----BEGIN ") {
                bail!("Terraform's output {name} is not in PEM form");
            }
            // The last line has an end, however it was kept.
            Ok((file, format!("{}\n", value.trim())))
        };
        Ok(Self {
            kafka_service_uri: text("kafka_service_uri")?,
            schema_registry_uri: text("schema_registry_uri")?,
            certificates: [
                pem("ca.pem", "kafka_ca")?,
                pem("service.cert", "kafka_access_cert")?,
                pem("service.key", "kafka_access_key")?,
            ],
        })
    }

    /// The lines of an .env file.
    fn env(&self, certificates: &Path) -> anyhow::Result<String> {
        let certificates = certificates.to_str().context("the folder's name is not UTF-8")?;
        let variables = [
            ("KAFKA_SERVICE_URI", self.kafka_service_uri.as_str()),
            ("SCHEMA_REGISTRY_URI", self.schema_registry_uri.as_str()),
            ("KAFKA_CERTIFICATES", certificates),
        ];
        let line = |(name, value)| match quoted(value) {
            Some(value) => Ok(format!("{name}={value}\n")),
            None => bail!("the value of {name} cannot be written into an .env file"),
        };
        variables.into_iter().map(line).collect()
    }

    /// Each file at once, so that a relay that looks meanwhile sees the old one or the new one.
    fn write_certificates(&self, folder: &Path) -> anyhow::Result<()> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("cannot make {}", folder.display()))?;
        for (name, content) in &self.certificates {
            let file = folder.join(name);
            let new = folder.join(format!(".{name}.new"));
            // One that an interrupted run left; with the others' rights, maybe.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", new.display()));
                }
                _ => {}
            }
            write_new(&new, content)?;
            fs::rename(&new, &file)
                .with_context(|| format!("cannot replace {}", file.display()))?;
        }
        Ok(())
    }
}

/// Makes a file that its owner alone can read; an error if it is there.
fn write_new(file: &Path, content: &str) -> anyhow::Result<()> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut opened| opened.write_all(content.as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} is there already, and may say more than this: leave --output away and put the lines \
             into it yourself",
            file.display()
        ),
        written => written.with_context(|| format!("cannot write {}", file.display())),
    }
}

/// A value as it stands in an .env file and in a shell; `None` if both cannot have it.
fn quoted(value: &str) -> Option<String> {
    // Neither takes these for anything but themselves.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,=".contains(&byte);
    if value.bytes().all(plain) {
        Some(value.to_owned())
    } else if value.contains(['\'', '\n', '\r']) {
        None
    } else {
        Some(format!("'{value}'"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn pem(kind: &str) -> String {
        format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----")
    }

    /// As `terraform output -json` prints it.
    fn sample() -> Map<String, Value> {
        let text = |value: &str| json!({"sensitive": true, "type": "string", "value": value});
        let outputs = json!({
            "kafka_service_uri": text("button-kafka.example.com:12345"),
            "schema_registry_uri": text("https://relay:AVNS_x-1@button-kafka.example.com:12346"),
            "kafka_ca": text(&pem("CERTIFICATE")),
            "kafka_access_cert": text(&pem("CERTIFICATE")),
            "kafka_access_key": text(&pem("PRIVATE KEY")),
            "clickhouse": {"sensitive": false, "type": "dynamic", "value": null},
            "services": {"sensitive": false, "type": ["list", "string"], "value": ["button-kafka"]},
        });
        outputs.as_object().unwrap().clone()
    }

    fn refusal(outputs: &Map<String, Value>) -> String {
        Access::from_outputs(outputs).err().unwrap().to_string()
    }

    #[test]
    fn the_outputs_become_the_relays_variables() {
        let access = Access::from_outputs(&sample()).unwrap();
        assert_eq!(
            access.env(Path::new("/home/stand/my certs")).unwrap(),
            "KAFKA_SERVICE_URI=button-kafka.example.com:12345\n\
             SCHEMA_REGISTRY_URI=https://relay:AVNS_x-1@button-kafka.example.com:12346\n\
             KAFKA_CERTIFICATES='/home/stand/my certs'\n"
        );
    }

    #[test]
    fn certificates_are_their_owners_and_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = folder.path().join("new/certs");
        let access = Access::from_outputs(&sample()).unwrap();
        access.write_certificates(&certificates).unwrap();
        // Whatever rights an older one has.
        let key = certificates.join("service.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(certificates.join(".service.key.new"), "half").unwrap();
        access.write_certificates(&certificates).unwrap();
        let mut names = Vec::new();
        for entry in fs::read_dir(&certificates).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["ca.pem", "service.cert", "service.key"]);
        assert_eq!(fs::read_to_string(key).unwrap(), pem("PRIVATE KEY") + "\n");
    }

    #[test]
    fn a_file_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        write_new(&file, "A=1\n").unwrap();
        let error = write_new(&file, "A=2\n").err().unwrap().to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\n");
    }

    #[test]
    fn what_lacks_is_named_and_no_secret_is() {
        assert!(refusal(&Map::new()).contains("`terraform apply`"));
        let mut outputs = sample();
        outputs.remove("kafka_access_cert");
        assert!(refusal(&outputs).contains("no output kafka_access_cert"));
        let mut outputs = sample();
        outputs["kafka_ca"]["value"] = Value::Null;
        assert!(refusal(&outputs).contains("kafka_ca has no value"));
        let mut outputs = sample();
        outputs["kafka_access_key"]["value"] = json!("secret");
        let error = refusal(&outputs);
        assert!(error.contains("kafka_access_key is not in PEM form"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let error = outputs(Path::new("no-such-terraform")).err().unwrap().to_string();
        assert!(error.starts_with("no-such-terraform is missing: install"), "{error}");
    }

    #[test]
    fn values_are_quoted_for_shells_and_env_files() {
        assert_eq!(quoted("kafka:1").as_deref(), Some("kafka:1"));
        assert_eq!(quoted("a$b #c").as_deref(), Some("'a$b #c'"));
        assert_eq!(quoted("http://x/?y&z").as_deref(), Some("'http://x/?y&z'"));
        assert_eq!(quoted("it's"), None);
        assert_eq!(quoted("two\nlines"), None);
    }
}
