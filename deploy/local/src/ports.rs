//! Ports that nobody uses.

use crate::{Error, error::io};
use std::net::{Ipv4Addr, TcpListener};

/// A port of the loopback interface that is free at this moment. Another program could take it
/// before it is used; the system hands out others first.
pub fn free_port() -> Result<u16, Error> {
    let finding = || io("find a free port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(finding())?;
    Ok(listener.local_addr().map_err(finding())?.port())
}
