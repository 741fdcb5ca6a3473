//! How visitors reach the page: the address, and its QR code for the terminal.

use crate::config::Config;
use fast_qr::{ECL, QRBuilder};
use std::net::{IpAddr, SocketAddr};

/// The page's address: the given one, or that of this machine in its network.
pub fn page_url(config: &Config, listening: SocketAddr) -> String {
    if let Some(url) = &config.public_url {
        return url.to_string();
    }
    let host = if listening.ip().is_unspecified() {
        lan_address().unwrap_or(IpAddr::from([127, 0, 0, 1]))
    } else {
        listening.ip()
    };
    format!("http://{}/", SocketAddr::new(host, listening.port()))
}

/// The first private IPv4 address of an interface that is up: that of the Wi-Fi, most often.
fn lan_address() -> Option<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    let addresses: Vec<IpAddr> = interfaces
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(|interface| interface.ip())
        .filter(IpAddr::is_ipv4)
        .collect();
    let private = |ip: &&IpAddr| matches!(ip, IpAddr::V4(v4) if v4.is_private());
    addresses.iter().find(private).or(addresses.first()).copied()
}

/// The QR code of a text, in half blocks, two modules a character. Dark on light whatever the
/// terminal's colours are, with the quiet zone that scanners need (ISO/IEC 18004, 4 modules).
pub fn qr_code(text: &str) -> Option<String> {
    const QUIET: i32 = 4;
    const BLACK_ON_WHITE: &str = "\x1b[30;107m";
    const RESET: &str = "\x1b[0m";
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let size = i32::try_from(code.size).ok()?;
    let dark = |x: i32, y: i32| {
        let inside = (0..size).contains(&x) && (0..size).contains(&y);
        inside && code[y.unsigned_abs() as usize][x.unsigned_abs() as usize].value()
    };
    let lines = (-QUIET..size + QUIET).step_by(2).map(|y| {
        let cells = (-QUIET..size + QUIET).map(|x| match (dark(x, y), dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        format!("{BLACK_ON_WHITE}{}{RESET}\n", cells.collect::<String>())
    });
    Some(lines.collect())
}
