// Runs before the page is painted, and does what cannot wait for WebAssembly: names the session, notes presses
// and visibility (see src/early.rs), loads the visitor's language and the application, shows what failed.
(() => {
  "use strict";
  let isTakenOver = false; // By the application.
  const element = (id) => document.getElementById(id);
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
  const at = (path) => new URL(path, document.baseURI).href;
  const goTo = (folder) => location.replace(folder + location.search + location.hash);
  // Pages in other folders of this origin have relays of their own: what is stored carries it. Empty at the root.
  const folder = location.pathname.replace(/\/(index|[^/]*\.html?)?$/, "");
  const early = { session: newSession(), folder, cohort: cohort(), log: [] };
  // Some hosts serve a folder's document at its address without the slash, and beside it none of its files.
  async function toFolder() {
    const isFolder = folder === location.pathname && await Promise.all([
      get(folder + "/" + meta("app-wasm"), 1, "HEAD"),
      fetch(folder + "/", { method: "HEAD", redirect: "error" }) // It would come back here.
    ]).catch(() => false);
    isTakenOver ||= isFolder && early.log.length < 2; // No visit of its own without a press.
    if (isFolder) goTo(folder + "/");
    return isFolder;
  }
  // The big screen is another application, one folder down.
  const isBigScreen = () => /^#(live|stand)$/.test(location.hash);
  const toBigScreen = async () => await toFolder() || goTo("live/");
  if (isBigScreen()) return toBigScreen();
  addEventListener("hashchange", () => !isTakenOver && isBigScreen() && toBigScreen());
  const wait = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
  const isVisible = () => document.visibilityState !== "hidden";
  const parsed = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
  // A UUID v4; crypto.randomUUID exists in secure contexts only.
  function newSession() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
  // A group of visitors: ?cohort=N, or <meta name="cohort">.
  function cohort() {
    const text = /[?&]cohort=([^&]*)/.exec(location.search)?.[1] ?? meta("cohort");
    return /^-?\d{1,10}$/.test(text) && Number(text) === (text | 0) ? Number(text) : null;
  }
  function note(what) {
    if (isTakenOver) return;
    early.log.push([what, Date.now()]);
    try {
      if (what !== "shown") localStorage.setItem("kafka-button.early." + early.session + folder, JSON.stringify(early));
    } catch { /* Blocked or full: the notes stay in memory. */ }
  }
  if (isVisible()) note("shown");
  document.addEventListener("visibilitychange", () => note(isVisible() ? "shown" : "hidden"));
  addEventListener("pagehide", () => note("hidden"));
  addEventListener("pageshow", (event) => event.persisted && isVisible() && note("shown"));
  document.addEventListener("click", (event) => {
    if (isTakenOver || !event.target.closest("#button")) return;
    note("pressed");
    navigator.vibrate?.(12);
    showPresses();
  });
  // iOS shows :active, the button going down, only where something listens for touches.
  document.addEventListener("touchstart", () => {}, { passive: true });
  // The visitor's language: the first of theirs that there is a file for, or English.
  const files = Object.fromEntries(meta("texts").split(" ").map((pair) => pair.split("=")));
  const language = (navigator.languages ?? [navigator.language])
    .map((tag) => tag.split("-")[0].toLowerCase()).find((tag) => files[tag]) ?? "en";
  let texts = "";
  const text = (key) => ("\n" + texts).split(`\n${key}: `)[1]?.split("\n")[0];
  function showPresses() {
    const presses = early.log.filter(([what]) => what === "pressed").length;
    element("count").textContent = presses;
    element("presses").textContent =
      text("presses-" + (presses > 1 ? "n" : presses)) ?? (presses === 1 ? "press" : "presses");
  }
  // A notice for when something fails. In English, it is in the document.
  let notice = "";
  async function show(key) {
    notice = key;
    await parsed;
    element("notice").textContent = text(notice) ?? element("notice").getAttribute("data-" + notice);
    element("notice").hidden = !notice;
  }
  // A host may send its document, with 200, in the place of a file. After a failure past every cache.
  async function get(path, attempt, method) {
    const response = await fetch(at(path), { method, cache: attempt ? "reload" : "default" });
    const type = response.headers.get("content-type");
    if (!response.ok || /^text\/html/.test(type)) throw new Error(`${path}: ${response.status}, ${type}`);
    return response;
  }
  // Bad Wi-Fi: again and again.
  async function retry(action, attempt = 0) {
    try { return await action(attempt); } catch (error) {
      console.warn(error);
      if (action === load && !await toFolder()) show("loading");
      await wait(Math.min(1000 * 2 ** attempt, 15000));
      return retry(action, attempt + 1);
    }
  }
  async function translate(attempt) {
    texts = await (await get(files[language], attempt)).text();
    await parsed;
    document.documentElement.lang = language;
    document.title = text("title");
    // The shell alone: what the application has drawn has no such attribute.
    for (const one of document.querySelectorAll("[data-text]")) one.textContent = text(one.dataset.text);
    if (!isTakenOver) showPresses();
    if (notice) show(notice);
    return texts;
  }
  async function compile(attempt) {
    const response = await get(meta("app-wasm"), attempt);
    // Some static hosts do not know the type, which streaming insists on.
    return WebAssembly.compileStreaming && /^application\/wasm/.test(response.headers.get("content-type"))
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer());
  }
  // Browsers remember failed imports, hence the changing query. The first frame goes first: where everything
  // is there at once, the application would keep it back. No frames are drawn while the page is hidden.
  const painted = () => new Promise((resolve) => new PerformanceObserver(resolve).observe({ type: "paint", buffered: true }));
  const load = (attempt) => Promise.all([
    import(at(meta("app-js")) + (attempt ? "?again=" + attempt : "")), compile(attempt),
    Promise.race([wait(300), painted()]).catch(() => {}) // Not in every browser.
  ]);

  // The application replaces the button. A finger or a key that is down at that moment would not become a
  // press: wait until it is up, but not for ever: a mouse released outside of the window reports nothing.
  let isDown = false;
  const setDown = (event) => { isDown = event.type.endsWith("down"); };
  for (const kind of ["pointerdown", "keydown", "pointerup", "pointercancel", "keyup"]) addEventListener(kind, setDown, true);
  // A key that is held is one press. Enter and Space press also where nothing has the focus: USB buttons send them.
  addEventListener("keydown", (event) => {
    if (!/^(Enter| )$/.test(event.key) || (!event.repeat && event.target !== document.body)) return;
    event.preventDefault();
    if (!event.repeat) element("button").click();
  });
  async function start([application, compiled]) {
    for (let tries = 40; isDown && tries > 0; tries--) await wait(50);
    await wait(0);
    show("");
    await application.default({ module_or_path: compiled });
    // Keeps the shell and the visitor's language for a start without a network; in secure contexts only.
    navigator.serviceWorker?.register(at("sw.js?" + files[language])).catch(console.warn);
  }
  const takeOver = () => { isTakenOver = true; return JSON.stringify(early); };
  window.kafkaButton = { takeOver, language, texts: retry(translate) };
  if (!window.WebAssembly?.compile) show("no-wasm");
  else retry(load).then(start).catch((error) => { console.error(error); show("broke"); });
})();
