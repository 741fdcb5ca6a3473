// What the application asks of the browser (see seams.rs). In JavaScript, since the same through
// web-sys is several times as large in the download. Nothing here decides anything.

// As in seams.rs.
const DUE = 6;
const SWEEP = 7;
const FRAME = 8;
// After this an attempt is given up: longer than the relay's own deadline for Kafka.
const TIMEOUT_MILLIS = 8000;
const SWEEP_MILLIS = 60000;
// Screen readers are told what happened when the pressing pauses, not at each press.
const PAUSE_MILLIS = 1200;

const held = {};
let tell, answered, holds, texts;
let flight, alarm, saying, framing;

export function start(onChange, onAnswer, onHold, onTexts) {
  tell = onChange;
  answered = onAnswer;
  holds = onHold;
  setInterval(() => tell(SWEEP), SWEEP_MILLIS);
  texts = onTexts;
  return window.kafkaButton.takeOver(onChange);
}

export function ready() {
  window.kafkaButton.whenTexts(texts);
}

export function is_visible() {
  return document.visibilityState !== "hidden";
}

// Only a "no" means much.
export function is_online() {
  return navigator.onLine;
}

export function wake(millis) {
  clearTimeout(alarm);
  // 0 or less: never. Longer than a day would overflow in some browsers.
  if (millis > 0) alarm = setTimeout(() => tell(DUE), millis);
}

// Tells once, before the next frame is painted, however often it is asked.
export function next_frame() {
  framing ||= requestAnimationFrame(() => {
    framing = 0;
    tell(FRAME);
  });
}

// Beside the page, or where <meta name="relay"> says: configuration that may change after the build.
export function events_url() {
  const relay = document.querySelector('meta[name="relay"]').content.trim().replace(/\/+$/, "");
  try {
    return new URL((relay || ".") + "/api/events", document.baseURI).href;
  } catch (noAddress) {
    return undefined;
  }
}

// Ends the request before it. `text/plain` without credentials is a "simple" request: browsers ask
// no permission (preflight) first, and ad blockers that stop sendBeacon let it pass. With
// `keepalive` the browser finishes it even if the page is gone.
export function post(ticket, url, body, keepalive) {
  if (flight) flight.abort();
  const controller = (flight = new AbortController());
  const timeout = setTimeout(() => controller.abort(), TIMEOUT_MILLIS);
  fetch(url, {
    method: "POST",
    headers: { "content-type": "text/plain;charset=utf-8" },
    body,
    mode: "cors",
    credentials: "omit",
    cache: "no-store",
    redirect: "error", // A captive portal redirects; the relay never does.
    signal: controller.signal,
    keepalive,
  })
    .then((response) =>
      response.text().then((text) => {
        const headers = response.headers;
        const signed = headers.has("x-kafka-button");
        return [response.status, signed, seconds(headers.get("retry-after")), text];
      })
    )
    .catch(() => [0, false, NaN, ""])
    .then((answer) => {
      clearTimeout(timeout);
      answered(ticket, ...answer);
    });
}

// Retry-After is a number of seconds or a date (RFC 9110, 10.2.3).
function seconds(text) {
  return /^\s*\d+\s*$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
}

// localStorage: even the access may throw, and may begin to at any time.
export function read(key) {
  const text = localStorage.getItem(key);
  return text === null ? undefined : text;
}

export function write(key, text) {
  localStorage.setItem(key, text);
}

export function remove(key) {
  localStorage.removeItem(key);
}

export function keys() {
  return Object.keys(localStorage).join("\n");
}

// Web Locks, where there are any (secure contexts).
export function locks_exist() {
  return Boolean(navigator.locks);
}

// Tells when this page has the lock of this name; never, if another page holds it.
export function hold(name) {
  if (!navigator.locks) return;
  navigator.locks
    .request(name, { ifAvailable: true }, (lock) => lock && new Promise((release) => {
      held[name] = release;
      holds(name);
    }))
    .catch(() => {}); // A page without an origin: then the lock is never had.
}

export function release(name) {
  if (held[name]) held[name]();
  delete held[name];
}

// Made once for each language: making one takes longer than using it does.
const made = {};
function intl(kind, options) {
  const language = document.documentElement.lang;
  return (made[kind + language] ||= new Intl[kind](language, options));
}

export function number(value) {
  try {
    return intl("NumberFormat").format(value);
  } catch (noIntl) {
    return String(value);
  }
}

export function country(code) {
  try {
    const name = intl("DisplayNames", { type: "region" }).of(code);
    return name === code ? "" : name;
  } catch (noIntl) {
    return "";
  }
}

export function say(text) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    document.getElementById("said").textContent = text;
  }, PAUSE_MILLIS);
}

export function button_has_focus() {
  return document.activeElement.id === "button";
}

export function focus_button() {
  document.getElementById("button").focus();
}
