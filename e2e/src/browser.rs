//! A real browser, driven through WebDriver, and the page in it.

use crate::{
    engine::{Driver, Engine, Setup},
    until,
};
use axum::http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use thirtyfour::{
    By, Key, WebDriver, WebElement, WindowHandle,
    cdp::domains::network::NetworkConditions,
    common::command::{Command, ExtensionCommand},
    error::WebDriverResult,
};

/// What every host of the page has beside it, the relay and [`crate::StaticHost`].
pub(crate) const ELSEWHERE: &str = "/healthz";

/// A browser. Dropping it ends it.
pub struct Browser {
    engine: Engine,
    driver: Option<WebDriver>,
    /// Ended before their folder is removed.
    _programs: Driver,
    _folder: TempDir,
}

impl Browser {
    /// Starts it as most visitors have it, with an empty page.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, Setup::default()).await
    }

    /// Starts it in another way.
    pub async fn start_with(engine: Engine, setup: Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut programs = engine.start(folder.path(), &setup).await;
        let session = WebDriver::new(&programs.url, programs.capabilities.clone()).await;
        let driver = session.unwrap_or_else(|error| {
            panic!("{} does not start: {error}; {}", engine.name(), programs.programs[0].said())
        });
        Self { engine, driver: Some(driver), _programs: programs, _folder: folder }
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("the browser runs")
    }

    /// Opens the page and waits until WebAssembly has taken the button over.
    pub async fn open(&self, url: &str) {
        self.open_early(url).await;
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

    /// Leaves the page for another one in the same tab: an empty one, or in Firefox one of the same
    /// host. When a tab goes to another site or is closed, Firefox ends the page unless it keeps it in
    /// the back/forward cache, and with the page, every few times, its last request, be it a fetch
    /// with `keepalive` or a beacon. It keeps none with a request under way, with a Web Lock, or
    /// that its driver has clicked on, as that leaves an `unload` listener behind.
    pub async fn leave(&self) {
        let elsewhere = match self.engine {
            Engine::Chromium | Engine::WebKit => "about:blank".to_owned(),
            Engine::Firefox => {
                let mut url = self.driver().current_url().await.unwrap();
                url.set_path(ELSEWHERE);
                url.to_string()
            }
        };
        self.driver().goto(elsewhere).await.unwrap();
    }

    /// Closes the page's tab, and opens an empty one.
    pub async fn close_tab(&self) {
        let driver = self.driver();
        let page = self.tab().await;
        let empty = driver.new_tab().await.unwrap();
        driver.switch_to_window(page).await.unwrap();
        driver.close_window().await.unwrap();
        self.show(&empty).await;
    }

    /// Goes back in the tab's history.
    pub async fn back(&self) {
        self.driver().back().await.unwrap();
    }

    /// Presses the button with the mouse, so many times, and waits until the page has drawn it.
    pub async fn press(&self, times: u64) {
        let button = self.find("#button").await;
        for _ in 0..times {
            button.click().await.unwrap();
        }
        self.next_frame().await;
    }

    /// Waits until what has happened on the page is drawn, which it is once for each frame.
    async fn next_frame(&self) {
        let frame = "await new Promise(requestAnimationFrame); \
                     await new Promise((done) => setTimeout(done));";
        self.run_async(frame).await;
    }

    /// Follows a link, or whatever else the selector finds.
    pub async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    /// Types into the button, as somebody without a mouse does.
    pub async fn type_into_button(&self, key: Key) {
        self.find("#button").await.send_keys(key).await.unwrap();
        self.next_frame().await;
    }

    /// Lets the page press its own button so many times, one every `millis` milliseconds, while the
    /// test does something else. A timer that comes late makes all presses that are due, so that the
    /// pace is kept on a busy machine too.
    pub async fn start_pressing(&self, times: u64, millis: u64) {
        let script = format!(
            "const begun = performance.now(); \
             let made = 0; \
             window.pressed = false; \
             const timer = setInterval(() => {{ \
                 const due = Math.min({times}, (performance.now() - begun) / {millis}); \
                 for (; made + 1 <= due; made += 1) document.getElementById('button').click(); \
                 if (made < {times}) return; \
                 clearInterval(timer); \
                 requestAnimationFrame(() => setTimeout(() => {{ window.pressed = true; }})); \
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

    /// Text of the first element that the selector finds. One that is replaced just now is looked for
    /// again.
    pub async fn text(&self, selector: &str) -> String {
        until(&format!("the text of {selector}"), async || {
            let element = self.try_find(selector).await?;
            element.text().await.map_err(|error| error.to_string())
        })
        .await
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

    /// Waits until the page says that so many events or more are waiting.
    pub async fn wait_until_waiting_at_least(&self, events: u64) {
        until(&format!("{events} waiting events"), async || match self.waiting().await? {
            waiting if waiting >= events => Ok(()),
            waiting => Err(format!("{waiting} are waiting")),
        })
        .await;
    }

    /// Makes the browser believe that there is no network, or one again: it tells the page by
    /// `navigator.onLine` and the events `offline` and `online`. Not in WebKit, whose driver has
    /// nothing for it.
    pub async fn set_offline(&self, offline: bool) {
        match self.engine {
            Engine::Chromium => {
                let cdp = self.driver().cdp();
                let network = cdp.network();
                let conditions = NetworkConditions { offline, ..NetworkConditions::default() };
                network.enable().await.unwrap();
                network.emulate_network_conditions(conditions).await.unwrap();
            }
            Engine::Firefox => {
                // Its menu's "Work Offline", which only the browser's own scripts reach.
                self.set_context(Context("chrome")).await;
                self.run(&format!("Services.io.offline = {offline};")).await;
                self.set_context(Context("content")).await;
            }
            Engine::WebKit => panic!("WebKitWebDriver cannot set it offline"),
        }
    }

    async fn set_context(&self, context: Context) {
        self.driver().cmd(Command::ExtensionCommand(Box::new(context))).await.unwrap();
    }

    /// Puts the page out of sight, and gives what [`Self::show`] brings it back with.
    pub async fn hide(&self) -> WindowHandle {
        let page = self.tab().await;
        if self.engine.opens_in_front() {
            let tab = self.driver().new_tab().await.unwrap();
            self.show(&tab).await;
        } else {
            self.driver().minimize_window().await.unwrap();
        }
        page
    }

    /// Opens the page once more in a tab of its own, and goes there. Not in WebKit, where it would
    /// not be seen.
    pub async fn open_tab(&self, url: &str) {
        let tab = self.driver().new_tab().await.unwrap();
        self.show(&tab).await;
        self.open(url).await;
    }

    /// Opens the page once more, in a window beside this one, and goes there.
    pub async fn open_window(&self, url: &str) {
        let window = self.driver().new_window().await.unwrap();
        self.driver().switch_to_window(window).await.unwrap();
        self.open(url).await;
    }

    /// Goes to a window beside this one.
    pub async fn use_window(&self, window: &WindowHandle) {
        self.driver().switch_to_window(window.clone()).await.unwrap();
    }

    /// Goes to the one tab besides `known`, which has been opened by a page.
    pub async fn show_opened(&self, known: &WindowHandle) {
        let opened = until("another tab", async || {
            let tabs = self.driver().windows().await.map_err(|error| error.to_string())?;
            tabs.into_iter().find(|tab| tab != known).ok_or("there is none".to_owned())
        })
        .await;
        self.show(&opened).await;
        self.wait_until_ready().await;
    }

    /// The tab in view.
    pub async fn tab(&self) -> WindowHandle {
        self.driver().window().await.unwrap()
    }

    /// Goes to a tab, which comes into view.
    pub async fn show(&self, tab: &WindowHandle) {
        let driver = self.driver();
        driver.switch_to_window(tab.clone()).await.unwrap();
        match self.engine {
            // Its switch is about commands; this one is about what is on the screen.
            Engine::Chromium => {
                driver.cdp().send_raw("Page.bringToFront", json!({})).await.unwrap();
            }
            Engine::Firefox => {}
            // This alone opens a window again that was minimised, as there is no window manager.
            Engine::WebKit => driver.set_window_rect(0, 0, 1000, 700).await.unwrap(),
        }
    }

    /// Runs a function body in the page and gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.try_run(script).await.unwrap()
    }

    /// The same in a page that may just be giving way to another.
    pub async fn try_run(&self, script: &str) -> Result<Value, String> {
        let returned = self.driver().execute(script, Vec::new()).await;
        returned.map(|value| value.json().clone()).map_err(|error| error.to_string())
    }

    /// What the page in view takes. Chromium alone tells.
    pub async fn footprint(&self) -> Footprint {
        // What nobody needs any more is no part of it.
        self.devtools("HeapProfiler.collectGarbage", json!({})).await;
        self.devtools("Performance.enable", json!({})).await;
        let metrics = self.devtools("Performance.getMetrics", json!({})).await;
        let metric = |name: &str| {
            let all = metrics["metrics"].as_array().unwrap();
            let metric = all.iter().find(|metric| metric["name"] == name).unwrap();
            metric["value"].as_f64().unwrap() as u64
        };
        Footprint {
            javascript: metric("JSHeapUsedSize"),
            webassembly: self.sum_of_all("WebAssembly.Memory", "buffer.byteLength").await,
            held_values: self.sum_of_all("WebAssembly.Table", "length").await,
            nodes: metric("Nodes"),
            listeners: metric("JSEventListeners"),
        }
    }

    /// What a property of all objects of a class comes to.
    async fn sum_of_all(&self, class: &str, property: &str) -> u64 {
        let prototype = json!({"expression": format!("{class}.prototype")});
        let prototype = self.devtools("Runtime.evaluate", prototype).await;
        let id = json!({"prototypeObjectId": prototype["result"]["objectId"]});
        let objects = self.devtools("Runtime.queryObjects", id).await;
        let sum = json!({
            "objectId": objects["objects"]["objectId"],
            "functionDeclaration":
                format!("function () {{ return this.reduce((sum, one) => sum + one.{property}, 0); }}"),
            "returnByValue": true,
        });
        let sum = self.devtools("Runtime.callFunctionOn", sum).await;
        sum["result"]["value"].as_u64().unwrap()
    }

    /// Sends Chromium a command of its DevTools protocol, for the page in view, and gives the answer.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Value {
        assert_eq!(self.engine, Engine::Chromium, "only its driver has {method}");
        self.driver().cdp().send_raw(method, parameters).await.unwrap()
    }

    /// Runs a function body in the page that may await, and gives what it returns.
    pub async fn run_async(&self, script: &str) -> Value {
        // The last argument is what WebDriver wants to be called (W3C WebDriver, 13.2.2).
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {script} }})().then(done, error => done({{ failed: String(error) }}));"
        );
        self.driver().execute_async(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Gives the page a screen of this size, in CSS pixels. Only in Chromium, which thereby shows pages
    /// smaller than its window may be.
    pub async fn set_screen(&self, width: u32, height: u32) {
        let screen = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 1000
        });
        self.driver().cdp().send_raw("Emulation.setDeviceMetricsOverride", screen).await.unwrap();
    }

    /// Sets what the visitor prefers, as in `("prefers-color-scheme", "dark")`. Only in Chromium.
    pub async fn prefer(&self, preferences: &[(&str, &str)]) {
        let features: Vec<_> = preferences
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let media = json!({ "features": features });
        self.driver().cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// Types into whatever has the focus.
    pub async fn type_keys(&self, key: Key) {
        let focused = self.driver().active_element().await.unwrap();
        focused.send_keys(key).await.unwrap();
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

/// What a page takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// JavaScript's heap, in bytes.
    pub javascript: u64,
    /// WebAssembly's memories, in bytes. They never get smaller.
    pub webassembly: u64,
    /// Entries of WebAssembly's tables: through them it holds JavaScript's values, and they become longer
    /// only when all are taken.
    pub held_values: u64,
    /// Nodes of the DOM, also of those that are out of the document and not forgotten.
    pub nodes: u64,
    /// Listeners for events.
    pub listeners: u64,
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            // Otherwise it would ask the driver to end the browser, and block for the answer.
            let _ = driver.leak();
        }
    }
}

/// Where Firefox runs scripts: in the page, `content`, or in itself, `chrome`.
#[derive(Debug)]
struct Context(&'static str);

impl ExtensionCommand for Context {
    fn parameters_json(&self) -> Option<Value> {
        Some(json!({ "context": self.0 }))
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Arc<str> {
        "/moz/context".into()
    }
}
