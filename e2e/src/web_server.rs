//! A real nginx or Caddy, with a configuration of ours.

use crate::{Program, until};
use std::{env, fs, io::Write, path::Path};
use tokio::net::TcpStream;

/// The servers that proxies and static hosts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebServer {
    /// A distribution's nginx; its configuration is what stands inside of `http`.
    Nginx,
    /// nginx in its newest version, without the modules for compressed files.
    CurrentNginx,
    /// Caddy; its configuration is a Caddyfile.
    Caddy,
}

impl WebServer {
    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::CurrentNginx => "nginx-current",
            Self::Caddy => "caddy",
        }
    }

    /// Whether it is installed. Says so where it is not, past the test harness, which would swallow it.
    pub fn is_there(self) -> bool {
        let program = self.program();
        let path = env::var_os("PATH").unwrap_or_default();
        let is_there = env::split_paths(&path).any(|folder| folder.join(program).is_file());
        if !is_there {
            let _ = writeln!(std::io::stderr(), "not run: there is no {program} in the PATH");
        }
        is_there
    }

    /// Starts it with all its files in `folder`, and waits until it listens at `address`.
    pub async fn start(self, folder: &Path, configuration: &str, address: &str) -> Program {
        let file = folder.join("configuration");
        let arguments: Vec<String> = match self {
            Self::Nginx | Self::CurrentNginx => {
                fs::write(&file, nginx(folder, configuration)).unwrap();
                let words = ["-p", &folder.display().to_string(), "-c", "configuration"];
                words.map(str::to_owned).into()
            }
            Self::Caddy => {
                fs::write(&file, configuration).unwrap();
                let file = file.display().to_string();
                ["run", "--adapter", "caddyfile", "--config", &file].map(str::to_owned).into()
            }
        };
        let mut server = Program::start(folder, self.program(), &arguments, &[]);
        until(&format!("{} to listen at {address}", self.program()), async || {
            let said = server.said();
            TcpStream::connect(address).await.map(drop).map_err(|error| format!("{error}; {said}"))
        })
        .await;
        server
    }
}

/// What is around `http` in a distribution's configuration, with all files in this folder.
fn nginx(folder: &Path, inside: &str) -> String {
    // Where root starts it, its workers would be somebody who may not read the folder.
    let user = if nix::unistd::geteuid().is_root() { "user root;" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .collect();
    format!(
        "{user}\ndaemon off;\nworker_processes 1;\npid {0}/pid;\nerror_log {0}/error.log;\n\
         events {{ worker_connections 256; }}\nhttp {{\n{temporary}{inside}\n}}\n",
        folder.display()
    )
}
