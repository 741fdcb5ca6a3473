// Cuts functions out of a WebAssembly file that has their names. Usage:
//   node cut.mjs <binaryen's index.js> <in.wasm> <out.wasm>
//
// A function that is cut is an `unreachable`: whoever calls it traps at once, which is how every
// panic ends here anyway (`panic = "abort"`). wasm-opt then removes what only it needed.

import fs from "node:fs";
import { pathToFileURL } from "node:url";

// Two kinds of functions: those that end in a panic, without the message that nobody would read,
// and parts of Yew that this page does not use, which the compiler cannot know. A wrong guess ends
// the page where it is called, so the tests in a browser would see it.
const CUT = [
  /^core::panicking::/,
  /^core::(option::(unwrap|expect)_failed|result::unwrap_failed|cell::panic_already_)/,
  /^core::(slice::index::slice_\w*fail|str::slice_error_fail)/,
  /^alloc::(raw_vec::(handle_error|capacity_overflow)|alloc::handle_alloc_error)/,
  /^std::panicking::(panic_with_hook|rust_panic_with_hook|panic_handler|begin_panic_handler)/,
  /^std::alloc::(rust_oom|default_alloc_error_hook)/,
  /rust_begin_unwind|rust_panic$/,
  /^console_error_panic_hook::hook/,
  // Listeners: boot.js has the page's only one.
  /yew::dom_bundle::btag::listeners::ListenerRegistration>?::(register|unregister)$/,
  /yew::dom_bundle::btag::listeners::Registry>?::/,
  /yew::dom_bundle::subtree_root::\w+>?::(add_listener|ensure_handled)$/,
  // Raw HTML and suspense: the page has neither.
  /^<yew::virtual_dom::(vraw::VRaw|vsuspense::VSuspense) as .*>::(attach|reconcile_node|reconcile)$/,
  /^<yew::dom_bundle::(braw::BRaw|bsuspense::BSuspense)( as .*)?>::/,
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
const bytes = wasm.emitBinary();
blankLocations(bytes);
fs.writeFileSync(to, bytes);

// Overwrites with zeros, which wasm-opt leaves out, where panics would say that they come from:
// (pointer to a text, its length, line, column), if the text is the name of a Rust file. Only the
// functions above ever read them.
function blankLocations(bytes) {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  const segments = []; // [address, place in the file, length]
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = number();
    const end = at + size;
    if (section === 11) {
      for (let left = number(); left > 0; left--) {
        if (number() !== 0 || bytes[at++] !== 0x41) return; // Not an active segment at a constant.
        const address = number();
        at++; // The end of the constant.
        const length = number();
        segments.push([address, at, length]);
        at += length;
      }
    }
    at = end;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const placeOf = (address, length) => {
    const segment = segments.find(([start, , size]) => address >= start && address + length <= start + size);
    return segment && segment[1] + address - segment[0];
  };
  const texts = new Map();
  for (const [address, place, length] of segments) {
    for (let offset = (4 - (address % 4)) % 4; offset + 16 <= length; offset += 4) {
      const word = (n) => view.getUint32(place + offset + 4 * n, true);
      const [pointer, size, line, column] = [word(0), word(1), word(2), word(3)];
      if (size < 4 || size > 400 || line < 1 || line > 99999 || column < 1 || column > 999) continue;
      const text = placeOf(pointer, size);
      if (text === undefined) continue;
      if (/^[\w.\-+/\\:@ ]+\.rs$/.test(String.fromCharCode(...bytes.subarray(text, text + size)))) {
        bytes.fill(0, place + offset, place + offset + 16);
        texts.set(text, size);
      }
    }
  }
  texts.forEach((size, text) => bytes.fill(0, text, text + size));
}
