//! `button`: see [`tools`].

use clap::CommandFactory;
use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};
use tools::{
    audit,
    cli::{self, Command, Options},
    forget, generate,
    printable::printable,
    qr, tail,
};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        // Whoever reads our lines has enough, as `head` has.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Line by line: clap's errors have several.
            let error = format!("{error:#}");
            let lines: Vec<_> = error.lines().map(printable).collect();
            eprintln!("button: {}", lines.join("\n"));
            ExitCode::from(cli::FAILED)
        }
    }
}

fn run() -> anyhow::Result<u8> {
    command_line::load_env_file()?;
    let options: Options = command_line::parse();
    match options.command {
        Command::Generate(options) => generate::run(&options),
        Command::Tail(options) => tail::run(&options),
        Command::Audit(options) => audit::run(&options),
        Command::Forget(options) => forget::run(&options),
        Command::Qr { url, port } => {
            let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            let url = url.unwrap_or_else(|| qr::page_url(listen, qr::lan_address()));
            io::stdout().write_all(qr::invitation(&url).as_bytes())?;
            Ok(cli::FINE)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Options::command(), "button", &mut io::stdout());
            Ok(cli::FINE)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
