// Runs before the page is painted, and does what cannot wait for WebAssembly: names the session,
// notes what happens (see src/early.rs), loads the application, and says so plainly if it cannot.
(function () {
  "use strict";

  // The big screen is another application, one folder down.
  function toBigScreen() {
    if (!/^#(live|stand)$/.test(location.hash)) return false;
    location.replace("live/" + location.search + location.hash);
    return true;
  }
  addEventListener("hashchange", toBigScreen);
  if (toBigScreen()) return;

  var EARLY_KEY = "kafka-button.early."; // As in src/early.rs.

  // A UUID v4. crypto.randomUUID exists in secure contexts only.
  function newSession() {
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    var hex = "";
    for (var i = 0; i < 16; i++) {
      hex += (bytes[i] + 256).toString(16).slice(1);
      if (i === 3 || i === 5 || i === 7 || i === 9) hex += "-";
    }
    return hex;
  }

  function meta(name) {
    var element = document.querySelector('meta[name="' + name + '"]');
    return element ? element.getAttribute("content") : "";
  }

  // A group of visitors: ?cohort=N, or <meta name="cohort">.
  function cohort() {
    var match = /[?&]cohort=([^&]*)/.exec(location.search);
    var text = match ? match[1] : meta("cohort");
    var number = /^-?\d{1,10}$/.test(text) ? Number(text) : NaN;
    return number === (number | 0) ? number : null;
  }

  var early = { session: newSession(), cohort: cohort(), log: [] };
  var takenOver = false;
  var presses = 0;

  function note(what) {
    if (takenOver) return;
    early.log.push([what, Date.now()]);
    if (what === "shown") return;
    try {
      localStorage.setItem(EARLY_KEY + early.session, JSON.stringify(early));
    } catch (refused) {
      // Blocked or full: the notes stay in memory.
    }
  }

  if (document.visibilityState !== "hidden") note("shown");
  document.addEventListener("visibilitychange", function () {
    note(document.visibilityState === "hidden" ? "hidden" : "shown");
  });
  addEventListener("pagehide", function () { note("hidden"); });
  addEventListener("pageshow", function (event) { if (event.persisted) note("shown"); });
  document.addEventListener("click", function (event) {
    if (takenOver || !event.target.closest("#button")) return;
    note("pressed");
    presses += 1;
    document.getElementById("count").textContent = presses;
    document.getElementById("presses").textContent = presses === 1 ? "press" : "presses";
  });

  // The application replaces the button. A finger or a key that is down at that moment would not
  // become a press: wait until it is up.
  var down = false;
  function watch(kind, isDown) {
    addEventListener(kind, function () { down = isDown; }, true);
  }
  watch("pointerdown", true);
  watch("keydown", true);
  watch("pointerup", false);
  watch("pointercancel", false);
  watch("keyup", false);
  function calm(tries) {
    // Not for ever: a mouse that is let go outside of the window says nothing.
    return down && tries > 0
      ? wait(50).then(function () { return calm(tries - 1); })
      : wait(0);
  }

  // iOS shows :active, the button going down, only where somebody listens for touches.
  document.addEventListener("touchstart", function () {}, { passive: true });

  function wait(millis) {
    return new Promise(function (resolve) { setTimeout(resolve, millis); });
  }

  window.kafkaButton = {
    takeOver: function () {
      takenOver = true;
      return JSON.stringify(early);
    },
  };

  function say(text) {
    var notice = document.getElementById("notice");
    if (!notice) return addEventListener("DOMContentLoaded", function () { say(text); });
    notice.textContent = text;
    notice.hidden = !text;
  }

  function compile(url) {
    return fetch(url).then(function (response) {
      if (!response.ok) throw new Error(url + " answered " + response.status);
      // Some static hosts do not know the type, which streaming insists on.
      var typed = /^application\/wasm/.test(response.headers.get("content-type"));
      return typed && WebAssembly.compileStreaming
        ? WebAssembly.compileStreaming(response)
        : response.arrayBuffer().then(function (bytes) { return WebAssembly.compile(bytes); });
    });
  }

  // Bad Wi-Fi: again and again. Browsers remember failed imports, hence the changing query.
  function load(attempt) {
    var again = attempt ? "?again=" + attempt : "";
    var script = new URL(meta("app-js"), document.baseURI).href + again;
    var binary = new URL(meta("app-wasm"), document.baseURI).href;
    return Promise.all([import(script), compile(binary)]).then(
      function (loaded) {
        return calm(40).then(function () {
          say("");
          return loaded[0].default({ module_or_path: loaded[1] });
        }).catch(function (error) {
          console.error(error);
          say("The button broke while starting. Please reload the page, or try another browser.");
        });
      },
      function (error) {
        console.warn(error);
        say("The rest of the page is still on its way. Press all you like: it counts.");
        return wait(Math.min(1000 * Math.pow(2, attempt), 15000)).then(function () {
          return load(attempt + 1);
        });
      }
    );
  }

  if (typeof WebAssembly === "object" && WebAssembly.compile) {
    load(0);
  } else {
    say(
      "This button needs WebAssembly, which is switched off here (Lockdown Mode does that) " +
      "or missing. Allow it for this site, or try another browser."
    );
  }
})();
