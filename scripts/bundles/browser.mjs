// deno-lint-ignore-file no-console -- programs print to their caller
/**
 * Loads the browser bundle of `browser_page.mjs` in Chromium, headless, and takes the tours; prints
 * what the page shows as JSON. Environment: CORNAC_OPTIONS, CORNAC_CHROMIUM (the program),
 * CORNAC_RELAY (its URL), CORNAC_PAGE (the page's port), CORNAC_SCREENSHOT (a file to write).
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const { CORNAC_CHROMIUM, CORNAC_OPTIONS, CORNAC_PAGE, CORNAC_RELAY, CORNAC_SCREENSHOT } =
  process.env;
const pgliteFiles = dirname(createRequire(import.meta.url).resolve("@electric-sql/pglite"));

const { outputFiles } = await build({
  entryPoints: ["./browser_page.mjs"],
  bundle: true,
  write: false,
  format: "esm",
  platform: "browser",
  logLevel: "error",
  external: ["node:*"], // dynamic imports of PGlite, for Node
});
const script = outputFiles[0].text;

const PAGE = `<!doctype html><meta charset="utf-8"><title>The tour</title><style>
  body { font: 15px system-ui, sans-serif; margin: 2em; display: flex; gap: 2em;
    align-items: flex-start }
  table { border-collapse: collapse } caption { font-weight: bold; padding: .6em; text-align: left }
  td { border-top: 1px solid #ddd; padding: .3em .6em; white-space: pre; font-family: monospace }
</style><script type="module" src="/page.js"></script>`;

const server = createServer(async ({ url }, answer) => {
  const [type, body] = await file(url).catch(() => ["text/plain", undefined]);
  answer.writeHead(body === undefined ? 404 : 200, { "content-type": type });
  answer.end(body);
});
await new Promise((resolve) => server.listen(Number(CORNAC_PAGE), "127.0.0.1", resolve));

async function file(url) {
  if (url === "/") return ["text/html", PAGE];
  if (url === "/page.js") return ["text/javascript", script];
  const type = url.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
  return [type, await readFile(join(pgliteFiles, url.slice(1)))];
}

const browser = await chromium.launch({
  executablePath: CORNAC_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu"],
});
const page = await browser.newPage({ viewport: { width: 1440, height: 760 } });
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
await page.goto(`http://127.0.0.1:${CORNAC_PAGE}/`);
await page.waitForFunction("globalThis.tours !== undefined", undefined, { timeout: 10_000 })
  .catch((error) => errors.push(String(error)));
const attempt = (tour) => tour.catch((error) => ({ error: String(error) }));
const pglite = await attempt(page.evaluate("tours.pglite()"));
const given = [CORNAC_RELAY, JSON.parse(CORNAC_OPTIONS)];
const websocket = await attempt(
  page.evaluate((args) => globalThis.tours.websocket(...args), given),
);
const cells = await page.locator("td").allTextContents();
if (CORNAC_SCREENSHOT) await page.screenshot({ path: CORNAC_SCREENSHOT });
const version = browser.version();
await browser.close();
server.close();
console.log(JSON.stringify({ version, pglite, websocket, cells, errors }));
