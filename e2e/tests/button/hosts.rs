//! Hosts: several pages on one origin, folders without their slash, and what static hosts do with
//! addresses that are no file's.

use crate::{
    offline::{copy, is_controlled, wait_until_kept},
    scenario::{World, sessions, wait_for_events},
};
use e2e::{
    Browser, Engine, HostRules, Hosting, Network, Relay, StaticHost, Weather, assert_whole_visit,
    dist, in_chromium, in_every_engine, until,
};
use std::{collections::BTreeSet, fs, path::Path};
use tempfile::TempDir;

/// A relay with a network before it.
struct Distant {
    relay: Relay,
    network: Network,
    _folder: TempDir,
}

impl Distant {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = Relay::start_at("127.0.0.1", folder.path(), &[]).await;
        let network = Network::start(relay.address()).await;
        Self { relay, network, _folder: folder }
    }
}

/// Each within the one before, with a name that ends like it.
const FOLDERS: [&str; 3] = ["/", "/b/", "/b/b/"];

async fn pages_on_one_origin() -> (Vec<Distant>, StaticHost) {
    let mut relays = Vec::new();
    for _ in FOLDERS {
        relays.push(Distant::start().await);
    }
    let urls: Vec<String> = relays.iter().map(|relay| relay.network.url()).collect();
    let hostings = urls.iter().zip(FOLDERS).map(|(url, path)| Hosting { path, ..Hosting::of(url) });
    let host = StaticHost::start_with_all(&hostings.collect::<Vec<_>>()).await;
    (relays, host)
}

in_every_engine!(pages_in_folders_of_one_origin_keep_their_events_apart);
/// What is left behind without a network, before WebAssembly and after it, goes to its own relay.
async fn pages_in_folders_of_one_origin_keep_their_events_apart(engine: Engine) {
    let (relays, host) = pages_on_one_origin().await;
    let browser = Browser::start(engine).await;
    for (relay, folder) in relays.iter().zip(FOLDERS) {
        relay.network.set(Weather::Cut);
        host.send_webassembly(false);
        browser.open_early(&host.at(folder)).await;
        browser.press(1).await;
        browser.leave().await;
        host.send_webassembly(true);
        // The page adopts what was noted on the page before.
        browser.open(&host.at(folder)).await;
        browser.press(2).await;
        browser.wait_until_waiting_at_least(3 + 3).await;
        browser.leave().await;
        until("the page's last request", async || {
            let is_last = |body: &str| body.contains("ExitPage") && body.contains("\"count\":3");
            match relay.network.seen() {
                seen if seen.iter().any(|request| is_last(&request.body)) => Ok(()),
                seen => Err(format!("{seen:?}")),
            }
        })
        .await;
    }
    for relay in &relays {
        assert_eq!(relay.relay.stored().len(), 0);
        relay.network.set(Weather::Fair);
    }
    let mut known = BTreeSet::new();
    for (at, folder) in FOLDERS.into_iter().enumerate() {
        browser.open(&host.at(folder)).await;
        wait_for_events(&relays[at].relay, 3, 1 + 3 + 4).await;
        browser.leave().await;
        let mut visits = wait_for_events(&relays[at].relay, 3, 2 + 3 + 4).await;
        visits.sort_by_key(Vec::len);
        for (visit, presses) in visits.iter().zip(0..) {
            assert_whole_visit(visit, presses);
        }
        known.extend(sessions(&relays[at].relay).into_keys());
        assert_eq!(known.len(), 3 * (at + 1), "no session is at two relays");
        let others: Vec<_> =
            relays[at + 1..].iter().map(|other| other.relay.stored().len()).collect();
        assert_eq!(others, vec![0; FOLDERS.len() - at - 1], "nothing of {folder} is elsewhere");
    }
    browser.quit().await;
}

/// The build of `dist()` with another name for its WebAssembly: what a later build has.
fn later_build(to: &Path) {
    copy(&dist(), to);
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let entries = fs::read_dir(to).unwrap().map(|entry| entry.unwrap().path());
    let old = entries.map(|path| name(&path)).find(|name| name.ends_with(".wasm")).unwrap();
    let new = format!("frontend-bg-{}.wasm", "0123456789abcdef");
    fs::rename(to.join(&old), to.join(&new)).unwrap();
    for document in ["index.html", "sw.js"] {
        let text = fs::read_to_string(to.join(document)).unwrap();
        assert!(text.contains(&old), "{document} names {old}");
        fs::write(to.join(document), format!("{}\n", text.replace(&old, &new))).unwrap();
    }
    // Each build has a version of its own, by which its cache is known.
    let worker = fs::read_to_string(to.join("sw.js")).unwrap();
    let version = worker.split('"').find(|part| is_version(part)).unwrap().to_owned();
    fs::write(to.join("sw.js"), worker.replace(&version, "fedcba9876543210")).unwrap();
}

fn is_version(part: &str) -> bool {
    part.len() == 16 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

async fn caches(browser: &Browser) -> Vec<String> {
    let keys = browser.run_async("return await caches.keys();").await;
    serde_json::from_value(keys).unwrap()
}

/// Waits until so many caches of the later build are among so many. A new service worker waits until the pages
/// with the one before are gone.
async fn wait_for_update(browser: &Browser, url: &str, later: usize, all: usize) {
    until("the update", async || {
        browser.open(url).await;
        let names = caches(browser).await;
        let new = names.iter().filter(|name| name.ends_with("fedcba9876543210")).count();
        if (new, names.len()) == (later, all) {
            return Ok(());
        }
        let update = "await (await navigator.serviceWorker.getRegistration()).update();";
        browser.run_async(update).await;
        // Not left, since the back/forward cache holds it.
        browser.close_tab().await;
        Err(format!("{names:?}"))
    })
    .await;
}

in_every_engine!(update_of_a_page_keeps_what_others_of_its_origin_have_kept);
async fn update_of_a_page_keeps_what_others_of_its_origin_have_kept(engine: Engine) {
    let (_relays, host) = pages_on_one_origin().await;
    let browser = Browser::start(engine).await;
    // The deepest first: until it has a service worker of its own, a page is its outer folder's.
    for folder in FOLDERS.into_iter().rev() {
        browser.open(&host.at(folder)).await;
        wait_until_kept(&browser).await;
    }
    let before = caches(&browser).await;
    assert_eq!(before.len(), FOLDERS.len(), "{before:?}");

    let later = tempfile::tempdir().unwrap();
    later_build(later.path());
    for (updates, folder) in (1..).zip(["/b/", "/"]) {
        host.update(folder, later.path());
        wait_for_update(&browser, &host.at(folder), updates, FOLDERS.len()).await;
    }
    host.set_down(true);
    for folder in FOLDERS {
        browser.open(&host.at(folder)).await;
        assert!(is_controlled(&browser).await, "{folder}");
    }
    browser.quit().await;
}

in_every_engine!(folder_without_its_slash_is_entered);
/// With query and fragment. What was pressed before is delivered.
async fn folder_without_its_slash_is_entered(engine: Engine) {
    let rules = HostRules::NETLIFY_PLAIN;
    let world = World::start_with(Hosting { path: "/a/b/", rules, ..Hosting::of("") }).await;
    let browser = Browser::start(engine).await;
    world.host.send_webassembly(false);
    browser.open_early(&world.host.at("/a/b?cohort=7&x=/#here")).await;
    browser.press(2).await;
    world.host.send_webassembly(true);
    browser.wait_until_ready().await;
    let address = browser.run("return location.href;").await;
    assert_eq!(address, world.host.at("/a/b/?cohort=7&x=/#here"));
    browser.press(3).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    let mut visits = wait_for_events(&world.relay, 2, 4 + 5).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 2);
    assert_whole_visit(&visits[1], 3);
    assert!(world.relay.stored().iter().all(|stored| stored.press.cohort == Some(7)));

    // Without a press, it is no visit.
    browser.open(&world.host.at("/a/b")).await;
    browser.press(1).await;
    browser.leave().await;
    wait_for_events(&world.relay, 3, 4 + 5 + 3).await;
    browser.quit().await;
}

in_every_engine!(map_in_a_folder_without_its_slash_is_found);
async fn map_in_a_folder_without_its_slash_is_found(engine: Engine) {
    let rules = HostRules::NETLIFY_PLAIN;
    let world = World::start_with(Hosting { path: "/a/", rules, ..Hosting::of("") }).await;
    let browser = Browser::start(engine).await;
    for (from, to) in [
        ("/a#live", "/a/live/#live"),
        ("/a?url=x#stand", "/a/live/?url=x#stand"),
        ("/a/live?url=x#stand", "/a/live/?url=x#stand"),
        ("/a/index.html#live", "/a/live/#live"),
        ("/a/live/index.html#stand", "/a/live/index.html#stand"),
    ] {
        browser.open_early("about:blank").await;
        browser.open_early(&world.host.at(from)).await;
        wait_for_map(&browser, &world.host.at(to)).await;
    }
    browser.quit().await;
}

async fn wait_for_map(browser: &Browser, address: &str) {
    let look = "return document.querySelector('.screen[data-ready]') ? location.href : '';";
    until(&format!("the map at {address}"), async || match browser.try_run(look).await? {
        found if found == address => Ok(()),
        found => Err(found.to_string()),
    })
    .await;
}

in_every_engine!(page_at_an_address_of_its_own_stays_there);
/// A document at an address without a slash whose files are beside it, or nowhere.
async fn page_at_an_address_of_its_own_stays_there(engine: Engine) {
    let browser = Browser::start(engine).await;
    let world = World::start_with(Hosting { rules: HostRules::MAPPED, ..Hosting::of("") }).await;
    let address = world.host.at("/button?x=1#y");
    browser.open(&address).await;
    browser.press(1).await;
    browser.wait_until_waiting(0).await;
    assert_eq!(browser.run("return location.href;").await, address);
    browser.leave().await;
    wait_for_events(&world.relay, 1, 3).await;

    // Where the slash is taken away again, and where every address has the document: no redirects without end.
    let site = tempfile::tempdir().unwrap();
    copy(&dist(), &site.path().join("a"));
    for document in ["index.html", "404.html"] {
        fs::copy(dist().join(document), site.path().join(document)).unwrap();
    }
    for (rules, path) in [(HostRules::WITHOUT_SLASHES, "/a"), (HostRules::FALLBACK, "/route")] {
        let world = World::start_with(Hosting { rules, ..Hosting::of("") }).await;
        world.host.update("/", site.path());
        let address = world.host.at(path);
        browser.open_early(&address).await;
        until("a third attempt", async || {
            let attempts = "return performance.getEntriesByType('resource') \
                .filter(({ name }) => name.includes('again=2')).length;";
            match browser.run(attempts).await.as_u64() {
                Some(1..) => Ok(()),
                _ => Err(browser.text("#notice").await),
            }
        })
        .await;
        assert_eq!(browser.run("return location.href;").await, address);
    }
    browser.quit().await;
}

in_chromium!(
    page_works_on_every_host,
    "what differs is the hosts; folders and service workers have scenarios of their own above"
);
/// It starts at each of its addresses, leads to the map, and an update whose WebAssembly comes last is kept
/// when it is whole: then it starts without the host.
async fn page_works_on_every_host(engine: Engine) {
    let later = tempfile::tempdir().unwrap();
    later_build(later.path());
    let browser = Browser::start(engine).await;
    for rules in HostRules::ALL {
        // At the root there is no address without a slash.
        let path = if rules.name == HostRules::NGINX.name { "/" } else { "/a/" };
        let world = World::start_with(Hosting { path, rules, ..Hosting::of("") }).await;
        let slashless = if path == "/" { "/" } else { path.trim_end_matches('/') };
        for address in [path, slashless, &format!("{path}index.html"), &format!("{path}?cohort=7")]
        {
            browser.open(&world.host.at(address)).await;
            browser.press(1).await;
            browser.wait_until_waiting(0).await;
        }
        browser.click("a[href='live/#live']").await;
        let here = browser.run("return location.href;").await;
        until("the map", async || {
            let look = "return Boolean(document.querySelector('.screen[data-ready]'));";
            match browser.try_run(look).await? {
                serde_json::Value::Bool(true) => Ok(()),
                _ => Err(format!("{} from {here}", rules.name)),
            }
        })
        .await;
        until("the map to have the visit", async || {
            let visit = "return Object.values(sessionStorage).filter((it) => /^read\\n1(\\n|$)/.test(it)).length;";
            match browser.run(visit).await.as_u64() {
                Some(1) => Ok(()),
                _ => Err(browser.run("return JSON.stringify(sessionStorage)").await.to_string()),
            }
        })
        .await;
        browser.open_early("about:blank").await;
        browser.open_early(&world.host.at(&format!("{path}live#stand"))).await;
        wait_for_map(&browser, &world.host.at(&format!("{path}live/#stand"))).await;

        browser.open(&world.host.url()).await;
        wait_until_kept(&browser).await;
        // Everything but the WebAssembly is there.
        let half = tempfile::tempdir().unwrap();
        copy(later.path(), half.path());
        fs::remove_file(half.path().join("frontend-bg-0123456789abcdef.wasm")).unwrap();
        world.host.update(path, half.path());
        browser.open_early(&world.host.url()).await;
        browser.press(1).await;
        until("a notice", async || match browser.text("#notice").await {
            notice if notice.len() > 20 => Ok(()),
            notice => Err(notice),
        })
        .await;
        world.host.update(path, later.path());
        browser.wait_until_ready().await;
        browser.press(1).await;
        browser.wait_until_waiting(0).await;
        wait_for_update(&browser, &world.host.url(), 1, 1).await;
        world.host.set_down(true);
        browser.open(&world.host.url()).await;
        browser.press(1).await;
        browser.wait_until_waiting(0).await;
    }
    browser.quit().await;
}
