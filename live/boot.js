// Loads the application, and says so plainly if it cannot.
(function () {
  "use strict";

  function address(name) {
    var meta = document.querySelector('meta[name="' + name + '"]');
    return new URL(meta.getAttribute("content"), document.baseURI).href;
  }

  function say(text) {
    var notice = document.getElementById("notice");
    notice.textContent = text;
    notice.hidden = !text;
  }

  function compile(url) {
    return fetch(url).then(function (response) {
      if (!response.ok) throw new Error(url + " answered " + response.status);
      // Some static hosts do not know the type, which streaming insists on.
      return response.arrayBuffer().then(function (bytes) { return WebAssembly.compile(bytes); });
    });
  }

  // Again and again: nobody stands beside a projector. Browsers remember failed imports, hence the
  // changing query.
  function load(attempt) {
    var script = address("app-js") + (attempt ? "?again=" + attempt : "");
    return Promise.all([import(script), compile(address("app-wasm"))]).then(
      function (loaded) {
        say("");
        document.getElementById("app").textContent = "";
        return loaded[0].default({ module_or_path: loaded[1] }).catch(function (error) {
          console.error(error);
          say("The map broke while starting. Please reload the page, or try another browser.");
        });
      },
      function (error) {
        console.warn(error);
        say("The map is still on its way.");
        setTimeout(function () { load(attempt + 1); }, Math.min(1000 * Math.pow(2, attempt), 15000));
      }
    );
  }

  if (typeof WebAssembly === "object" && WebAssembly.compile) load(0);
  else say("The map needs WebAssembly, which is switched off here or missing.");
})();
