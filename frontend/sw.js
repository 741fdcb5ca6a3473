// The service worker: a second visit starts without a network. It never touches the relay's answers
// or anything that is not the page's own; without it everything works as before.
//
// The document comes from the network if that answers soon, so that a new build is seen at once;
// everything else has its content's hash in its name, so a kept copy is never an old one. The build
// writes the names below. Before that there is no such file: installing fails, and nothing is kept.

const FILES = ["FILES"];
const scope = new URL("./", location.href).href;
const CACHE = "kafka-button-" + scope + "VERSION";
// Longer than that, and the kept document is shown.
const TIMEOUT_MILLIS = 2500;

// The page registers this with the name of the visitor's language, which is kept too.
const language = location.search.slice(1);

self.addEventListener("install", (event) => {
  // What is posted goes past the service worker, where browsers can be told so (Chromium from 123
  // on). It would do nothing with it, but Chromium passes on requests of a page that is gone, with
  // `keepalive` or without, only as long as it takes to end the page: visits lost their ExitPage
  // until the next one.
  if (event.addRoutes) {
    event.addRoutes({ condition: { requestMethod: "POST" }, source: "network" });
  }
  event.waitUntil(caches.open(CACHE).then((cache) => Promise.all(
    [scope, language, ...FILES].map((file) => download(cache, new URL(file, scope).href, file))
  )));
});

// Old pages are closed by now: a new service worker waits for that.
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.map(deleteOld))));
});

// Other folders of this origin may have a page with caches of its own: an old one has this page's document.
async function deleteOld(name) {
  if (!name.startsWith("kafka-button-") || name === CACHE) return;
  if (await (await caches.open(name)).match(scope)) await caches.delete(name);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(scope)) return;
  url.search = "";
  const path = url.href.slice(scope.length);
  if (request.mode === "navigate") {
    if (path === "" || path === "index.html") event.respondWith(page(request));
  } else if (/^(texts\/)?[^/]+-[0-9a-f]{16}\./.test(path)) {
    event.respondWith(asset(request, url.href));
  }
});

// Network first, for a while.
async function page(request) {
  const cache = await caches.open(CACHE);
  const fresh = fetch(request).then(async (response) => {
    if (response.ok && !response.redirected) await cache.put(scope, response.clone());
    return response;
  });
  const late = new Promise((resolve) => setTimeout(resolve, TIMEOUT_MILLIS));
  const answer = await Promise.race([fresh, late]).catch(() => undefined);
  // A server in trouble is no better than none.
  if (answer && answer.status < 500) return answer;
  return (await cache.match(scope)) || fresh;
}

// Kept first, unless a start has failed with what was kept.
async function asset(request, address) {
  const cache = await caches.open(CACHE);
  const kept = request.cache !== "reload" && !/[?&]again=/.test(request.url) && (await cache.match(address));
  return kept || download(cache, address, request);
}

// Keeps what it is. Some hosts send their document, with 200, in the place of a file that they lack.
async function download(cache, address, request) {
  const response = await fetch(request);
  const isDocument = /^text\/html/.test(response.headers.get("content-type"));
  if (response.ok && isDocument === (address === scope)) await cache.put(address, response.clone());
  else if (typeof request === "string") throw new Error(address);
  return response;
}
