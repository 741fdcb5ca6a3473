// Cuts functions out of a WebAssembly file that has their names. Usage:
//   node cut.mjs <binaryen's index.js> <in.wasm> <out.wasm>
//
// A function that is cut is an `unreachable`: whoever calls it traps at once, which is how every
// panic ends here anyway (`panic = "abort"`). wasm-opt then removes what only it needed.

import fs from "node:fs";
import { pathToFileURL } from "node:url";

// Functions that end in a panic: its message, with all that puts it together, would be read by nobody.
// `trunk serve` does not come this way: there panics have their messages.
const CUT = [
  /^core::panicking::/,
  /^core::(option::(unwrap|expect)_failed|result::unwrap_failed|cell::panic_already_)/,
  /^core::(slice::index::slice_\w*fail|str::slice_error_fail)/,
  /^alloc::(raw_vec::(handle_error|capacity_overflow)|alloc::handle_alloc_error)/,
  /^std::panicking::(panic_with_hook|rust_panic_with_hook|panic_handler|begin_panic_handler)/,
  /^std::alloc::(rust_oom|default_alloc_error_hook)/,
  / as core::fmt::Debug>::fmt$/,
  /rust_begin_unwind|rust_panic$/,
  /^console_error_panic_hook::hook/,
  // What Yew has for listeners in `html!`, for HTML as text and for suspense. The page has none of them: its
  // listeners are the document's (frontend/src/page/listeners.rs). With one, it would trap when it is first drawn.
  /^yew::dom_bundle::btag::listeners::(ListenerRegistration::register|Registry::)/,
  /^yew::dom_bundle::subtree_root::(SubtreeData::add_listener|BSubtree::ensure_handled)$/,
  /^<?yew::dom_bundle::subtree_root::EventDescriptor as core::clone::Clone>::clone$/,
  /^yew::dom_bundle::(braw|bsuspense)::/,
];

const [library, from, to] = process.argv.slice(2);
const binaryen = (await import(pathToFileURL(library).href)).default;
const wasm = binaryen.readBinary(fs.readFileSync(from));
wasm.setFeatures(wasm.getFeatures());

const functions = [];
for (let i = 0; i < wasm.getNumFunctions(); i++) {
  const info = binaryen.getFunctionInfo(wasm.getFunctionByIndex(i));
  // Without what tells crates of different versions apart, in both of Rust's ways to write names.
  const name = info.name.replace(/\[[0-9a-f]{5,16}\]/g, "").replace(/(::h[0-9a-f]{16})?(\[\d+\])?$/, "");
  if (!info.module && CUT.some((pattern) => pattern.test(name))) functions.push(info);
}
for (const { name, params, results } of functions) {
  wasm.removeFunction(name);
  wasm.addFunction(name, params, results, [], wasm.unreachable());
}
console.log(`   ${functions.length} functions are cut`);
fs.writeFileSync(to, wasm.emitBinary());
