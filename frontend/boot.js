// Runs before the page is painted, and does what cannot wait for WebAssembly: names the session,
// notes what happens (see src/early.rs), loads the visitor's language and the application, and says
// so plainly if it cannot.
(function () {
  "use strict";

  // The big screen is another application, one folder down.
  function toBigScreen() {
    if (!/^#(live|stand)$/.test(location.hash)) return false;
    // Without a network, the browser's own error would be in the place of the page.
    if (early && navigator.onLine === false) {
      history.replaceState(null, "", location.pathname + location.search);
      say("no-map");
      return false;
    }
    // It tells the presses of this visit too, if there has been one.
    var own = early ? (location.search ? "&" : "?") + "session=" + early.session : "";
    location.replace("live/" + location.search + own + location.hash);
    return true;
  }
  addEventListener("hashchange", toBigScreen);
  if (toBigScreen()) return;

  var EARLY_KEY = "kafka-button.early."; // As in src/early.rs.
  // As in src/browser/seams.rs.
  var SHOWN = 0, HIDDEN = 1, LEFT = 2, ONLINE = 3, OFFLINE = 4, PRESSED = 5;
  // As in texts/en.txt: what has to be said when that cannot be had.
  var ENGLISH = {
    loading: "The rest of the page is still on its way. Press all you like: it counts.",
    broke: "The button broke while starting. Please reload the page, or try another browser.",
    "no-wasm": "This button needs WebAssembly, which is switched off here (Lockdown Mode does " +
      "that) or missing. Allow it for this site, or try another browser."
  };

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
    return element ? element.content : "";
  }

  function at(path) {
    return new URL(path, document.baseURI).href;
  }

  function element(id) {
    return document.getElementById(id);
  }

  function wait(millis) {
    return new Promise(function (resolve) { setTimeout(resolve, millis); });
  }

  // Calls back when the page's elements are there.
  function whenParsed(then) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", then);
    else then();
  }

  // A group of visitors: ?cohort=N, or <meta name="cohort">.
  function cohort() {
    var match = /[?&]cohort=([^&]*)/.exec(location.search);
    var text = match ? match[1] : meta("cohort");
    var number = /^-?\d{1,10}$/.test(text) ? Number(text) : NaN;
    return number === (number | 0) ? number : null;
  }

  var early = { session: newSession(), cohort: cohort(), log: [] };
  var tell = null; // The application, once it has taken over.
  var presses = 0;

  function happened(what) {
    if (tell) return tell(what);
    var name = ["shown", "hidden", "hidden", "", "", "pressed"][what];
    if (!name) return;
    early.log.push([name, Date.now()]);
    if (what === SHOWN) return;
    try {
      localStorage.setItem(EARLY_KEY + early.session, JSON.stringify(early));
    } catch (refused) {
      // Blocked or full: the notes stay in memory.
    }
  }

  // No `beforeunload` and no `unload`: they fire unreliably on phones, and a page with one is not
  // kept in the back/forward cache.
  function visible() {
    return document.visibilityState !== "hidden";
  }
  if (visible()) happened(SHOWN);
  document.addEventListener("visibilitychange", function () {
    happened(visible() ? SHOWN : HIDDEN);
  });
  addEventListener("pagehide", function () { happened(LEFT); });
  addEventListener("pageshow", function (event) {
    if (event.persisted && visible()) happened(SHOWN);
  });
  addEventListener("online", function () {
    happened(ONLINE);
    if (said === "no-map") say("");
  });
  addEventListener("offline", function () { happened(OFFLINE); });

  document.addEventListener("click", function (event) {
    var target = event.target;
    var panel = element("panel");
    if (target.closest("#button")) {
      press();
    } else if (target.id === "about") {
      if (panel.showModal) panel.showModal();
      else panel.setAttribute("open", "");
    } else if (target.id === "close" || target === panel) { // Itself: its backdrop.
      if (panel.close) panel.close();
      else panel.removeAttribute("open");
    }
  });

  function press() {
    presses += 1;
    happened(PRESSED);
    // Felt, where there is any: iPhones have none.
    if (navigator.vibrate) navigator.vibrate(12);
    if (!tell) showPresses();
  }

  function showPresses() {
    element("count").textContent = presses;
    element("presses").textContent = text("presses-" + (presses > 1 ? "n" : presses)) ||
      (presses === 1 ? "press" : "presses");
  }

  // The visitor's language: the first of theirs that there is a file for, or English.
  var texts = "";
  var speak = null; // The application, when it wants to know.
  var files = {};
  meta("texts").split(" ").forEach(function (pair) {
    var parts = pair.split("=");
    files[parts[0]] = parts[1];
  });
  var language = (navigator.languages || [navigator.language])
    .map(function (tag) { return tag.split("-")[0].toLowerCase(); })
    .filter(function (tag) { return files[tag]; })[0] || "en";

  function text(key) {
    var found = ("\n" + texts).split("\n" + key + ": ")[1];
    return found ? found.split("\n")[0] : ENGLISH[key] || "";
  }

  function loadTexts(attempt) {
    fetch(at(files[language])).then(function (response) {
      if (!response.ok) throw new Error(response.status);
      return response.text();
    }).then(function (file) {
      texts = file;
      whenParsed(function () {
        document.documentElement.lang = language;
        document.title = text("title");
        // The shell alone: what the application has drawn has no such attribute.
        document.querySelectorAll("[data-text]").forEach(function (element) {
          element.textContent = text(element.getAttribute("data-text"));
        });
        if (!tell) showPresses();
        say(said);
        if (speak) speak(texts);
      });
    }).catch(function () {
      return wait(patience(attempt)).then(function () { loadTexts(attempt + 1); });
    });
  }

  function patience(attempt) {
    return Math.min(1000 * Math.pow(2, attempt), 15000);
  }

  var said = "";
  function say(key) {
    said = key;
    whenParsed(function () {
      var notice = element("notice");
      notice.textContent = text(said);
      notice.hidden = !said;
    });
  }

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

  window.kafkaButton = {
    takeOver: function (application) {
      tell = application;
      return JSON.stringify(early);
    },
    whenTexts: function (listener) {
      speak = listener;
      if (texts) speak(texts);
    }
  };

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

  // The first frame goes first. Where everything is there at once, on a second visit, the application
  // would keep it back. No frames are drawn while the page is hidden.
  function drawn() {
    return Promise.race([wait(300), new Promise(function (resolve) {
      new PerformanceObserver(resolve).observe({ type: "paint", buffered: true });
    })]);
  }

  // Bad Wi-Fi: again and again. Browsers remember failed imports, hence the changing query.
  function load(attempt) {
    var again = attempt ? "?again=" + attempt : "";
    var parts = [import(at(meta("app-js")) + again), compile(at(meta("app-wasm"))), drawn()];
    return Promise.all(parts).then(
      function (loaded) {
        return calm(40).then(function () {
          say("");
          return loaded[0].default({ module_or_path: loaded[1] });
        }).catch(function (error) {
          console.error(error);
          say("broke");
        });
      },
      function (error) {
        console.warn(error);
        say("loading");
        return wait(patience(attempt)).then(function () { return load(attempt + 1); });
      }
    );
  }

  loadTexts(0);
  if (typeof WebAssembly === "object" && WebAssembly.compile) load(0);
  else say("no-wasm");

  // Keeps the shell and the visitor's language for a start without a network; exists in secure
  // contexts only.
  addEventListener("load", function () {
    if (navigator.serviceWorker) {
      navigator.serviceWorker.register(at("sw.js?" + files[language])).catch(function (refused) {
        console.warn(refused);
      });
    }
  });
})();
