// Loads the application, and says so plainly if it cannot.
(function () {
  "use strict";

  function address(name) {
    var meta = document.querySelector('meta[name="' + name + '"]');
    return new URL(meta.getAttribute("content"), document.baseURI).href;
  }

  // Some hosts serve a folder's document at its address without the slash, and beside it none of its files.
  // Not where the slash would be taken away again.
  function toFolder() {
    var folder = location.pathname + "/";
    if (/\/(index|[^/]*\.html?)?$/.test(location.pathname)) return;
    var wasm = document.querySelector('meta[name="app-wasm"]').getAttribute("content");
    Promise.all([
      fetch(folder + wasm, { method: "HEAD" }),
      fetch(folder, { method: "HEAD", redirect: "error" })
    ]).then(function (found) {
      if (!found[0].ok || /^text\/html/.test(found[0].headers.get("content-type"))) return;
      location.replace(folder + location.search + location.hash);
    }).catch(console.warn);
  }

  function say(text) {
    var notice = document.getElementById("notice");
    notice.textContent = text;
    notice.hidden = !text;
  }

  // After a failure past every cache: a host may have sent its document in the place of the file.
  function compile(url, attempt) {
    return fetch(url, attempt ? { cache: "reload" } : {}).then(function (response) {
      if (!response.ok) throw new Error(url + " answered " + response.status);
      // Some static hosts do not know the type, which streaming insists on.
      return response.arrayBuffer().then(function (bytes) { return WebAssembly.compile(bytes); });
    });
  }

  // Again and again: nobody stands beside a projector. Browsers remember failed imports, hence the
  // changing query.
  function load(attempt) {
    var script = address("app-js") + (attempt ? "?again=" + attempt : "");
    return Promise.all([import(script), compile(address("app-wasm"), attempt)]).then(
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
        toFolder();
        setTimeout(function () { load(attempt + 1); }, Math.min(1000 * Math.pow(2, attempt), 15000));
      }
    );
  }

  if (typeof WebAssembly === "object" && WebAssembly.compile) load(0);
  else say("The map needs WebAssembly, which is switched off here or missing.");
})();
