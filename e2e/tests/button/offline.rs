//! The service worker: a second visit starts without a network, and nothing else changes. Browsers
//! have it in secure contexts, of which a loopback address is one.

use crate::scenario::{World, page_options, wait_for_events};
use e2e::{
    Browser, Engine, Network, Relay, Weather, assert_whole_visit, dist, in_every_engine, until,
};
use std::{fs, path::Path};
use tempfile::TempDir;

/// A relay with the page, and a network before both.
struct Site {
    relay: Relay,
    network: Network,
    _folder: TempDir,
}

impl Site {
    async fn start(dist: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = Relay::start(folder.path(), &page_options(&dist.to_string_lossy())).await;
        let network = Network::start(relay.address()).await;
        Self { relay, network, _folder: folder }
    }

    fn url(&self) -> String {
        format!("{}/", self.network.url())
    }
}

/// Waits until the page in the browser is kept for next time.
pub async fn wait_until_kept(browser: &Browser) {
    let asks = "navigator.serviceWorker.ready.then(() => { window.isKept = true; });";
    browser.run(asks).await;
    until("the page to be kept", async || match browser.run("return window.isKept;").await {
        serde_json::Value::Bool(true) => Ok(()),
        _ => Err("it is not".to_owned()),
    })
    .await;
}

/// Whether the page came through the service worker.
pub async fn is_controlled(browser: &Browser) -> bool {
    browser.run("return Boolean(navigator.serviceWorker.controller);").await == true
}

in_every_engine!(a_second_visit_starts_without_a_network);
/// Without one, and with a host that answers nothing but errors. Opened, not reloaded: Firefox's
/// driver reloads pages past their service workers.
async fn a_second_visit_starts_without_a_network(engine: Engine) {
    let site = Site::start(&dist()).await;
    let browser = Browser::start(engine).await;
    browser.open(&site.url()).await;
    wait_until_kept(&browser).await;
    browser.press(1).await;
    browser.wait_until_waiting(0).await;

    site.network.set(Weather::Cut);
    browser.open(&site.url()).await;
    assert!(is_controlled(&browser).await);
    browser.press(2).await;
    browser.wait_until_waiting_at_least(3).await;
    site.network.set(Weather::Busy(1));
    browser.open(&site.url()).await;
    browser.press(3).await;
    browser.wait_until_waiting_at_least(4).await;

    site.network.set(Weather::Fair);
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    let mut visits = wait_for_events(&site.relay, 3, 3 + 4 + 5).await;
    visits.sort_by_key(Vec::len);
    for (visit, presses) in visits.iter().zip(1..) {
        assert_whole_visit(visit, presses);
    }
    browser.quit().await;
}

in_every_engine!(a_page_from_a_service_worker_says_that_it_is_left);
/// Six times, since a browser that takes the last request along with the page does not do it always.
async fn a_page_from_a_service_worker_says_that_it_is_left(engine: Engine) {
    let site = Site::start(&dist()).await;
    let browser = Browser::start(engine).await;
    browser.open(&site.url()).await;
    wait_until_kept(&browser).await;
    browser.leave().await;
    for visits in 1..=6 {
        browser.open(&site.url()).await;
        assert!(is_controlled(&browser).await);
        browser.press(1).await;
        browser.leave().await;
        // Before the next page comes, which would send what is left behind.
        wait_for_events(&site.relay, 1 + visits, 2 + 3 * visits).await;
    }
    browser.quit().await;
}

in_every_engine!(a_page_that_changes_is_seen_at_the_next_visit);
/// A setting that is edited after the build, as hosts do it; and then without a network.
async fn a_page_that_changes_is_seen_at_the_next_visit(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    copy(&dist(), folder.path());
    let site = Site::start(folder.path()).await;
    let browser = Browser::start(engine).await;
    browser.open(&site.url()).await;
    wait_until_kept(&browser).await;

    let index = folder.path().join("index.html");
    let page = fs::read_to_string(&index).unwrap();
    let edited = page.replace("name=\"cohort\" content=\"\"", "name=\"cohort\" content=\"7\"");
    assert_ne!(edited, page);
    fs::write(&index, edited).unwrap();
    browser.open(&site.url()).await;
    browser.press(1).await;
    browser.wait_until_waiting(0).await;
    site.network.set(Weather::Cut);
    browser.open(&site.url()).await;
    site.network.set(Weather::Fair);
    browser.press(2).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    wait_for_events(&site.relay, 3, 2 + 3 + 4).await;
    let cohorts = site.relay.stored().into_iter().map(|stored| stored.press.cohort);
    assert_eq!(cohorts.filter(|cohort| *cohort == Some(7)).count(), 3 + 4);
    browser.quit().await;
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

in_every_engine!(service_worker_keeps_no_document_in_the_place_of_a_file);
/// What a host sends with 200 while it does not have a file would be kept for good.
async fn service_worker_keeps_no_document_in_the_place_of_a_file(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    wait_until_kept(&browser).await;
    browser.open(&world.host.url()).await;
    assert!(is_controlled(&browser).await);
    world.host.send_document_for_webassembly(true);
    let replace = "(async () => { \
                       const name = document.querySelector('meta[name=app-wasm]').content; \
                       const address = new URL(name, document.baseURI).href; \
                       const cache = await caches.open((await caches.keys())[0]); \
                       const wasKept = await cache.delete(address); \
                       const response = await fetch(address, { cache: 'reload' }); \
                       const type = response.headers.get('content-type'); \
                       const isKept = Boolean(await cache.match(address)); \
                       document.title = [wasKept, type.includes('html'), isKept].join(); \
                   })();";
    browser.run(replace).await;
    until("the file to be replaced", async || {
        match browser.run("return document.title;").await.as_str() {
            Some("true,true,false") => Ok(()),
            title => Err(format!("was kept, is a document, is kept: {title:?}")),
        }
    })
    .await;
    browser.quit().await;
}
