// Takes the pictures of `cargo xtask screenshots`. Usage:
//   node screenshots.mjs <playwright-core's index.mjs> <page's address> <folder> <few | all | live>

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [library, url, folder, howMany] = process.argv.slice(2);
const { chromium } = await import(pathToFileURL(library).href);

const PHONE = { width: 390, height: 844 };
const PICTURES = [
  { name: "page-phone", size: PHONE, presses: 7 },
  { name: "page-phone-dark", size: PHONE, dark: true, presses: 7, panel: true },
  { name: "page-phone-offline", size: PHONE, presses: 5, offline: 3 },
  { name: "page-desktop", size: { width: 1280, height: 800 }, dark: true, presses: 12, scale: 1 },
];
const MORE = [
  { name: "small", size: { width: 320, height: 568 }, presses: 3 },
  { name: "small-german", size: { width: 320, height: 568 }, language: "de-AT", presses: 9, offline: 4 },
  { name: "projector", size: { width: 1920, height: 1080 }, presses: 1234, scale: 1 },
  { name: "landscape", size: { width: 844, height: 390 }, presses: 5 },
  { name: "landscape-dark-panel", size: { width: 844, height: 390 }, dark: true, presses: 5, panel: true },
  { name: "phone-dark", size: PHONE, dark: true, presses: 2 },
  { name: "phone-first", size: PHONE, presses: 0 },
  { name: "phone-french", size: PHONE, language: "fr", presses: 2 },
  { name: "phone-spanish", size: PHONE, language: "es-MX", presses: 1 },
  { name: "phone-japanese", size: PHONE, language: "ja", presses: 2 },
  { name: "phone-japanese-panel", size: PHONE, language: "ja", presses: 2, panel: true },
];

// The big screen, while visitors come and go.
const LIVE = [
  { name: "live", size: { width: 1366, height: 768 }, path: "live/#live" },
  { name: "stand", size: { width: 1366, height: 768 }, path: "live/?url=https://button.example.com/#stand" },
];

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
});
fs.mkdirSync(folder, { recursive: true });
const chosen = { few: PICTURES, all: [...PICTURES, ...MORE], live: [] };
for (const picture of chosen[howMany]) {
  const { name, size, presses } = picture;
  const context = await browser.newContext({
    viewport: size,
    deviceScaleFactor: picture.scale || (howMany === "all" ? 2 : 1),
    colorScheme: picture.dark ? "dark" : "light",
    locale: picture.language || "en-GB",
    hasTouch: size.width < 1000,
    // An address in Zurich: a place that is not made up, and has a name in each language.
    extraHTTPHeaders: { "x-forwarded-for": "129.132.1.1" },
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`${name}: ${error}`));
  page.on("console", (line) => line.type() === "error" && console.error(`${name}: ${line.text()}`));
  await page.goto(url);
  await page.waitForSelector("#button[data-ready]");
  await page.waitForFunction((language) => document.documentElement.lang === language, (picture.language || "en").slice(0, 2));
  const press = (times) =>
    page.evaluate((times) => {
      for (let i = 0; i < times; i++) document.getElementById("button").click();
    }, times);
  await press(presses - (picture.offline || 0));
  await page.waitForSelector('#status[data-waiting="0"]');
  if (picture.offline) {
    await context.setOffline(true);
    await press(picture.offline);
  }
  if (picture.panel) await page.click("#about");
  await page.waitForTimeout(900);
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  const tall = await page.evaluate(() => document.documentElement.scrollHeight > innerHeight);
  console.log(`   ${name}.png${wide ? ", wider than the screen" : ""}${tall ? ", taller than the screen" : ""}`);
  await context.close();
}
for (const { name, size, path: address } of howMany === "live" ? LIVE : []) {
  const page = await browser.newPage({ viewport: size, locale: "en-GB" });
  page.on("pageerror", (error) => console.error(`${name}: ${error}`));
  await page.goto(url + address);
  // Until enough presses are new: those who come and go take a while to begin.
  const areMore = (than) => {
    const number = /\d[\d,]*/.exec(document.querySelector("main").innerText);
    const presses = number ? Number(number[0].replaceAll(",", "")) : 0;
    return presses > than && presses;
  };
  const before = await page.waitForFunction(areMore, 0);
  const least = (await before.jsonValue()) + 80;
  await page.waitForFunction(areMore, least, { timeout: 180000 });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  console.log(`   ${name}.png`);
  await page.close();
}
await browser.close();
