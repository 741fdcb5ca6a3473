//! WebKitGTK's MiniBrowser, through WebKitWebDriver, on a screen that nobody sees: it has no
//! headless mode. Linux only, as WebKitGTK is.

use super::{Driver, Setup};
use crate::{program::Program, until};
use std::{net::Ipv4Addr, path::Path};
use thirtyfour::Capabilities;
use tokio::net::TcpStream;

/// It takes no port 0, so it has one, and an address of this machine to itself instead.
const PORT: u16 = 4444;

pub(super) async fn start(folder: &Path, setup: &Setup<'_>) -> Driver {
    assert!(setup.profile.is_none(), "MiniBrowser remembers nothing while it is driven");
    assert!(!setup.refuses_storage, "MiniBrowser has no setting for it");
    assert!(setup.language.is_none(), "WebKit takes the system's language");
    // It takes the first display that is free, and prints its number.
    let arguments = ["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"];
    let mut screen = Program::start(folder, "Xvfb", &arguments, &[]);
    let display = until("a screen", async || display(screen.said())).await;

    let address = own_address();
    let arguments = [format!("--host={address}"), format!("--port={PORT}")];
    let mut variables = vec![
        ("DISPLAY", display.as_str()),
        ("GDK_BACKEND", "x11"),
        // Otherwise they look for a session's bus, and wait for it.
        ("NO_AT_BRIDGE", "1"),
        ("GSETTINGS_BACKEND", "memory"),
        ("LIBGL_ALWAYS_SOFTWARE", "1"),
    ];
    if setup.without_webassembly {
        // It was renamed; the engine passes over the one that it does not know.
        variables.extend([("JSC_useWasm", "0"), ("JSC_useWebAssembly", "0")]);
    }
    let mut driver = Program::start(folder, "WebKitWebDriver", &arguments, &variables);
    until("WebKitWebDriver to listen", async || {
        let said = driver.said();
        TcpStream::connect((address, PORT))
            .await
            .map(drop)
            .map_err(|error| format!("{error}; {said}"))
    })
    .await;
    let mut capabilities = Capabilities::new();
    capabilities.set("browserName", "MiniBrowser").unwrap();
    Driver { programs: vec![driver, screen], url: format!("http://{address}:{PORT}"), capabilities }
}

/// One of the sixteen million addresses of the loopback interface, away from 127.0.0.1, where the
/// servers of the tests are.
fn own_address() -> Ipv4Addr {
    let random = fastrand::u32(0x7f01_0000..0x7fff_0000);
    Ipv4Addr::from_bits(random)
}

/// The display's name, from what Xvfb prints.
fn display(said: String) -> Result<String, String> {
    // The number is whole only with its end of line; warnings may be around it.
    let number = said
        .split_inclusive('\n')
        .find_map(|line| line.strip_suffix('\n')?.trim().parse::<u32>().ok());
    number.map(|number| format!(":{number}")).ok_or(said)
}
