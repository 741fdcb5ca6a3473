//! A real Chromium, driven through chromedriver, and the page in it.

use crate::until;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;
use thirtyfour::{
    By, ChromeCapabilities, ChromiumLikeCapabilities, DesiredCapabilities, Key, WebDriver,
    WebElement, WindowHandle, cdp::domains::network::NetworkConditions, error::WebDriverResult,
};

/// How a browser is started.
#[derive(Default)]
pub struct Setup<'a> {
    /// The folder with all that the browser remembers; a fresh one otherwise.
    pub profile: Option<&'a Path>,
    /// Further command line arguments.
    pub arguments: &'a [&'a str],
    /// Preferences, by the names that they have in Chromium's own file.
    pub preferences: Option<Value>,
}

/// A browser. Dropping it ends it.
pub struct Browser {
    driver: Option<WebDriver>,
    chromedriver: Child,
    folder: TempDir,
}

impl Browser {
    /// Starts it as most visitors have it, with an empty page.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// Starts it in another way.
    pub async fn start_with(setup: Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("chromedriver.out");
        let chromedriver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts (Debian: apt install chromium chromium-driver)");
        // From here on it is ended when something fails.
        let mut browser = Self { driver: None, chromedriver, folder };
        let port = until("chromedriver to listen", async || port(&output)).await;
        let server = format!("http://127.0.0.1:{port}");
        let fresh = browser.folder.path().join("profile");
        let mut capabilities = capabilities(setup.profile.unwrap_or(&fresh));
        for argument in setup.arguments {
            capabilities.add_arg(argument).unwrap();
        }
        let preferences = setup.preferences.unwrap_or_else(|| json!({}));
        capabilities.add_experimental_option("prefs", preferences).unwrap();
        let driver = WebDriver::new(server, capabilities).await;
        browser.driver = Some(driver.expect("Chromium starts"));
        browser.driver().cdp().network().enable().await.unwrap();
        browser
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("the browser runs")
    }

    /// Opens the page and waits until WebAssembly has taken the button over.
    pub async fn open(&self, url: &str) {
        self.driver().goto(url).await.unwrap();
        self.wait_until_ready().await;
    }

    /// Opens the page and does not wait for WebAssembly.
    pub async fn open_early(&self, url: &str) {
        self.driver().goto(url).await.unwrap();
    }

    /// Whether WebAssembly has taken the button over.
    pub async fn is_ready(&self) -> bool {
        self.try_find("#button[data-ready='true']").await.is_ok()
    }

    /// Waits until WebAssembly has taken the button over.
    pub async fn wait_until_ready(&self) {
        self.find("#button[data-ready='true']").await;
    }

    /// Loads the page anew, as the browser's own button does.
    pub async fn reload(&self) {
        self.driver().refresh().await.unwrap();
        self.wait_until_ready().await;
    }

    /// Leaves the page for an empty one in the same tab.
    pub async fn leave(&self) {
        self.driver().goto("about:blank").await.unwrap();
    }

    /// Goes back in the tab's history.
    pub async fn back(&self) {
        self.driver().back().await.unwrap();
    }

    /// Presses the button with the mouse, so many times.
    pub async fn press(&self, times: u64) {
        let button = self.find("#button").await;
        for _ in 0..times {
            button.click().await.unwrap();
        }
    }

    /// Types into the button, as somebody without a mouse does.
    pub async fn type_into_button(&self, key: Key) {
        self.find("#button").await.send_keys(key).await.unwrap();
    }

    /// Lets the page press its own button so many times, one every `millis` milliseconds, while the
    /// test does something else.
    pub async fn start_pressing(&self, times: u64, millis: u64) {
        let script = format!(
            "let left = {times}; \
             const timer = setInterval(() => {{ \
                 document.getElementById('button').click(); \
                 left -= 1; \
                 if (left === 0) {{ clearInterval(timer); window.pressed = true; }} \
             }}, {millis});"
        );
        self.run(&script).await;
    }

    /// Waits until what [`Self::start_pressing`] started is over.
    pub async fn wait_until_pressed(&self) {
        until("the presses to be over", async || {
            match self.run("return window.pressed === true").await {
                Value::Bool(true) => Ok(()),
                _ => Err("they go on".to_owned()),
            }
        })
        .await;
    }

    /// Text of the first element that the selector finds.
    pub async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    /// How many events the page says are waiting.
    pub async fn waiting(&self) -> Result<u64, String> {
        let status = self.try_find("#status").await?;
        let waiting = status.attr("data-waiting").await.map_err(|error| error.to_string())?;
        let waiting = waiting.ok_or("#status has no data-waiting")?;
        waiting.parse().map_err(|_| format!("data-waiting is {waiting:?}"))
    }

    /// Waits until the page says that so many events are waiting.
    pub async fn wait_until_waiting(&self, events: u64) {
        until(&format!("{events} waiting events"), async || match self.waiting().await? {
            waiting if waiting == events => Ok(()),
            waiting => Err(format!("{waiting} are waiting")),
        })
        .await;
    }

    /// Takes the network away from the tab, or gives it back. The page's own requests fail at once
    /// then, and it is told so by `navigator.onLine` and the events `offline` and `online`.
    pub async fn set_offline(&self, offline: bool) {
        self.set_network(NetworkConditions { offline, ..NetworkConditions::default() }).await;
    }

    /// Lets the tab receive no more than so many bytes a second; 0 for as many as there are.
    pub async fn set_slow(&self, bytes_a_second: i32) {
        let download_throughput = if bytes_a_second == 0 { -1 } else { bytes_a_second };
        self.set_network(NetworkConditions { download_throughput, ..NetworkConditions::default() })
            .await;
    }

    async fn set_network(&self, conditions: NetworkConditions) {
        self.driver().cdp().network().emulate_network_conditions(conditions).await.unwrap();
    }

    /// Opens another tab and goes to it; the one that was in view is hidden.
    pub async fn open_tab(&self) -> WindowHandle {
        let tab = self.driver().new_tab().await.unwrap();
        self.show_tab(&tab).await;
        self.driver().cdp().network().enable().await.unwrap();
        tab
    }

    /// The tab in view.
    pub async fn tab(&self) -> WindowHandle {
        self.driver().window().await.unwrap()
    }

    /// Goes to a tab, which comes into view.
    pub async fn show_tab(&self, tab: &WindowHandle) {
        self.driver().switch_to_window(tab.clone()).await.unwrap();
        // WebDriver's switch is about commands; this one is about what is on the screen.
        self.driver().cdp().send_raw("Page.bringToFront", json!({})).await.unwrap();
    }

    /// Runs a function body in the page and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.driver().execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Ends the browser in order, which is a way to leave the page.
    pub async fn quit(mut self) {
        let driver = self.driver.take().expect("the browser runs");
        driver.quit().await.unwrap();
    }

    async fn find(&self, selector: &str) -> WebElement {
        until(&format!("the element {selector}"), async || self.try_find(selector).await).await
    }

    async fn try_find(&self, selector: &str) -> Result<WebElement, String> {
        let found: WebDriverResult<_> = self.driver().find(By::Css(selector)).await;
        found.map_err(|error| error.to_string())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            // Otherwise it would ask chromedriver to end it, and block for the answer.
            let _ = driver.leak();
        }
        // Chromium ends with it. Both may have ended already.
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

fn capabilities(profile: &Path) -> ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in [
        "--headless",
        // As root, which is usual in containers, it does not start otherwise.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // By a pipe, Chromium notices when chromedriver is gone, and ends.
        "--remote-debugging-pipe",
        &format!("--user-data-dir={}", profile.display()),
    ] {
        capabilities.add_arg(argument).unwrap();
    }
    capabilities
}

/// The port that chromedriver chose, from what it prints.
fn port(output: &Path) -> Result<u16, String> {
    let output = fs::read_to_string(output).map_err(|error| error.to_string())?;
    output
        .split_once("successfully on port ")
        .and_then(|(_, rest)| rest.split('.').next()?.trim().parse().ok())
        .ok_or(output)
}
