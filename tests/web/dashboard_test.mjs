// The dashboard in a real browser, on a real coordinator, a real worker process (with a scripted
// trainer) and jobs submitted by the real client.
//
// Usage: node dashboard_test.mjs BIN_DIR SCRIPTED_WORKER [OUT_DIR]
//   BIN_DIR          holds reluscape-server and reluscape
//   SCRIPTED_WORKER  the worker program
//   OUT_DIR          where screenshots go; default: a folder that is removed again
// RELUSCAPE_CHROMIUM names the browser where PATH holds none of CHROMIUMS.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Installation, sleep, waitFor } from "./installation.mjs";

const CHROMIUMS = ["chromium", "chromium-browser", "google-chrome"];
// A result must be on the page this long after its commit.
const LIVE_LIMIT_MS = 2000;

const here = dirname(fileURLToPath(import.meta.url));
const [binDir, scriptedWorker, outArgument] = process.argv.slice(2);
if (binDir === undefined || scriptedWorker === undefined) {
  console.error("usage: dashboard_test.mjs BIN_DIR SCRIPTED_WORKER [OUT_DIR]");
  process.exit(2);
}
if (!existsSync(join(here, "node_modules", "playwright-core"))) {
  const install = spawnSync("npm", ["ci"], { cwd: here, stdio: "inherit" });
  assert.equal(install.status, 0, "npm ci failed in tests/web");
}
const { chromium } = await import("playwright-core");
const inPath = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((folder) => CHROMIUMS.map((name) => join(folder, name)));
const executablePath = process.env.RELUSCAPE_CHROMIUM ?? inPath.find((path) => existsSync(path));
assert.ok(
  executablePath,
  `no browser: install chromium or set RELUSCAPE_CHROMIUM (PATH has none of ${CHROMIUMS.join(", ")})`,
);

const HOSTILE = `<img src=x onerror="window.hacked=1"> & 'job'`;
const job = (name, epochs = 6) => ({
  name,
  data: { set: "synthetic", train_images: 200, validation_images: 100, test_images: 100 },
  candidates: { networks: ["resnet18@4", "hrn-2x5x3x@4", "hrn-5x5x3x@4"] },
  budgets: { fractions: [0.3, 0.15, 0.05] },
  stages: {
    pretrain: { epochs, batch: 64, schedule: "one_cycle" },
    fine_tune: { epochs: 3, batch: 64, schedule: "cosine" },
  },
  objectives: ["relus"],
  seed: 3,
});
const RESULTS = 9; // three networks, three budgets

const installation = new Installation(binDir, scriptedWorker);
const out = outArgument ?? join(installation.folder, "screenshots");
mkdirSync(out, { recursive: true });

let browser = null;
const complaints = []; // console errors, exceptions, foreign requests
// While the server is down on purpose, the browser reports failing requests.
let outage = false;

// A page whose every request and error is watched.
async function open(viewport, options = {}) {
  const context = await browser.newContext({ viewport, ...options });
  const page = await context.newPage();
  page.on("request", (request) => {
    if (!request.url().startsWith(installation.url) && !request.url().startsWith("data:")) {
      complaints.push(`request to ${request.url()}`);
    }
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !outage) {
      complaints.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.setDefaultTimeout(15_000);
  return page;
}

async function goto(page, hash) {
  await page.goto(`${installation.url}/${hash}`);
  await page.waitForSelector("main h1");
}

async function shoot(page, name) {
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
}

async function step(title, work) {
  const start = Date.now();
  try {
    await work();
  } catch (error) {
    console.log(`FAILED  ${title}`);
    throw error;
  }
  console.log(`ok      ${title} (${Date.now() - start} ms)`);
}

async function api(path) {
  const response = await fetch(`${installation.url}${path}`);
  assert.equal(response.status, 200, path);
  return response.json();
}

// A dot that no other dot covers, so that the pointer meets it.
async function freeDot(page) {
  return page.evaluate(() => {
    for (const dot of [...document.querySelectorAll("a.dot.on-front")].reverse()) {
      dot.scrollIntoView({ block: "center" });
      const box = dot.querySelector(".mark").getBoundingClientRect();
      const x = box.left + box.width / 2;
      const y = box.top + box.height / 2;
      if (document.elementFromPoint(x, y)?.closest("a.dot") === dot) {
        return { result: Number(dot.dataset.result), x, y };
      }
    }
    return null;
  });
}

async function noOverflow(page, where) {
  const { content, view } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    view: document.documentElement.clientWidth,
  }));
  assert.ok(content <= view, `${where}: ${content} px of content in ${view} px`);
}

async function main() {
  await installation.startServer();
  browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const page = await open({ width: 1280, height: 900 });

  await step("an empty installation says what to do", async () => {
    await goto(page, "");
    await page.waitForSelector("text=No job yet");
    await page.waitForSelector('#live[data-state="live"]');
    await goto(page, "#/workers");
    await page.waitForSelector("text=No worker has called yet");
  });

  const first = installation.submit(job(HOSTILE));
  await step("a submitted job appears without a reload, its name as text", async () => {
    await goto(page, "");
    await page.waitForSelector(`a[href="#/jobs/${first}"]`);
    const name = await page.textContent(`a[href="#/jobs/${first}"]`);
    assert.ok(name.includes(HOSTILE), name);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    await page.waitForSelector(".badge.synthetic");
  });

  let worker = installation.startWorker("fast", "--epoch-ms", 20);
  await step("the job runs to its end", () => installation.waitForJob(first));

  let front = null;
  await step("the finished front: every result a dot, the front a step line", async () => {
    front = await api(`/api/jobs/${first}/results`);
    assert.equal(front.results.length, RESULTS);
    await page.click(`a[href="#/jobs/${first}"]`);
    await page.waitForFunction((n) => document.querySelectorAll("a.dot").length === n, RESULTS);
    const drawn = await page.$$eval("a.dot", (dots) =>
      dots.map((dot) => [Number(dot.dataset.result), dot.classList.contains("on-front")]),
    );
    const expected = front.results.map((result) => [result.result, result.on_front]);
    const byResult = (a, b) => a[0] - b[0];
    assert.deepEqual(drawn.sort(byResult), expected.sort(byResult));
    const lines = await page.$$eval(".lines .front-line", (paths) =>
      paths.map((path) => path.getAttribute("d")),
    );
    assert.equal(lines.length, 1);
    // A staircase through k dots turns 2 (k - 1) times, along the axes only.
    const corners = lines[0].match(/[ML][-0-9.]+,[-0-9.]+/g).map((text) => text.slice(1).split(",").map(Number));
    const onFront = front.results.filter((result) => result.on_front).length;
    assert.ok(onFront >= 2, "the scripted front has several results");
    for (let i = 1; i < corners.length; i++) {
      assert.ok(
        corners[i][0] === corners[i - 1][0] || corners[i][1] === corners[i - 1][1],
        `oblique line in ${lines[0]}`,
      );
      assert.ok(corners[i][0] >= corners[i - 1][0] && corners[i][1] <= corners[i - 1][1]);
    }
    await shoot(page, "job-1280");
  });

  await step("every axis draws, linear and logarithmic", async () => {
    const axes = await page.$$eval(".front .controls option", (options) => options.map((o) => o.value));
    assert.ok(axes.includes("relus") && axes.includes("papers.online_s"), axes.join());
    assert.ok(axes.includes("cheetah.online_s@wan") && axes.includes("ckks.seconds@mpcnn_cpu"), axes.join());
    for (const axis of axes) {
      await page.selectOption(".front .controls select", axis);
      // A cost of 0, as a phase that a protocol does not have, has no place on a logarithmic axis.
      const linearOnly = await page.locator(".front .controls input").isDisabled();
      const zero = (result) => (result.costs[axis]?.value ?? 1) <= 0;
      assert.equal(linearOnly, front.results.some(zero), axis);
      for (const log of linearOnly ? [false] : [false, true]) {
        if (!linearOnly) await page.setChecked(".front .controls input", log);
        assert.equal(await page.locator("a.dot").count(), RESULTS, axis);
        const ticks = await page.locator(".front .axis-x .tick").count();
        assert.ok(ticks >= 2, `${axis}, log ${log}: ${ticks} ticks`);
        const bad = await page.$$eval("a.dot", (dots) =>
          dots.filter((dot) => /NaN|Infinity/.test(dot.getAttribute("transform"))).length,
        );
        assert.equal(bad, 0, axis);
      }
    }
    await page.selectOption(".front .controls select", "relus");
  });

  let dot = null;
  await step("hover names the network, its budget, accuracy and latency", async () => {
    dot = await freeDot(page);
    assert.ok(dot, "a dot that can be hovered");
    await page.mouse.move(dot.x, dot.y);
    const result = front.results.find((one) => one.result === dot.result);
    const text = await page.locator(".tooltip:not([hidden])").innerText();
    for (const part of [
      result.name,
      result.report.budget.toLocaleString("en"),
      `${(result.report.accuracy_validation * 100).toFixed(1)} %`,
      "Papers’ online",
    ]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
    await shoot(page, "hover-1280");
  });

  await step("click opens the candidate with stages, curves and bars", async () => {
    const result = front.results.find((one) => one.result === dot.result);
    await page.mouse.click(dot.x, dot.y);
    await page.waitForURL((url) => url.hash === `#/candidates/${result.candidate}`);
    await page.waitForSelector(".curve canvas");
    const detail = await api(`/api/candidates/${result.candidate}`);
    assert.equal(await page.locator("main h1").innerText(), result.name);
    const charts = await page.$$eval(".curve", (boxes) => boxes.map((box) => box.dataset.chart));
    assert.deepEqual(charts, [
      "pretrain Loss",
      "pretrain Validation accuracy (%)",
      "linearize Loss",
      "linearize Validation accuracy (%)",
      "linearize ReLUs",
      "linearize Lambda",
      "fine-tune Loss",
      "fine-tune Validation accuracy (%)",
    ]);
    const blank = await page.$$eval(".curve canvas", (canvases) =>
      canvases.filter((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return !data.some((value) => value !== 0);
      }).length,
    );
    assert.equal(blank, 0, "charts without ink");
    for (const one of detail.results) {
      const bars = page.locator(`.result-card[data-result="${one.result}"] .layers tbody tr`);
      assert.equal(await bars.count(), one.report.layers.length);
      const widths = await bars.locator(".kept").evaluateAll((all) =>
        all.map((kept) => kept.getBoundingClientRect().width),
      );
      one.report.layers.forEach((layer, i) => assert.equal(widths[i] > 0, layer.kept > 0, layer.layer));
    }
    await shoot(page, "candidate-1280");
    await page.click(".result-card summary");
    const provenance = await page.locator(".provenance").first().innerText();
    for (const part of [detail.results[0].recipe, detail.results[0].provenance.data_hash]) {
      assert.ok(provenance.includes(part), `${part} in ${provenance}`);
    }
  });

  await step("dots work from the keyboard", async () => {
    await goto(page, `#/jobs/${first}`);
    await page.waitForSelector("a.dot");
    await page.focus(".front .controls input");
    await page.keyboard.press("Tab");
    const label = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
    assert.match(label, /ReLUs, validation accuracy [0-9.]+ %/);
    assert.ok(await page.isVisible(".tooltip"));
    await page.keyboard.press("Escape");
    assert.ok(!(await page.isVisible(".tooltip")));
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => url.hash.startsWith("#/candidates/"));
  });

  await step("test accuracies show only once the job is unsealed", async () => {
    await goto(page, `#/jobs/${first}`);
    await page.waitForSelector("a.dot");
    assert.equal(await page.locator("th", { hasText: "Test accuracy" }).count(), 0);
    installation.client("unseal", first);
    await page.waitForSelector("th:has-text('Test accuracy')");
    await page.waitForSelector("dd:has-text('unsealed')");
  });

  await step("a page that does not exist says so", async () => {
    outage = true; // the browser itself logs the 404
    await goto(page, "");
    await page.goto(`${installation.url}/#/jobs/4711`);
    await page.waitForSelector(".notice:has-text('4711')");
    await page.goto(`${installation.url}/#/nothing`);
    await page.waitForSelector(".notice:has-text('no such page')");
    outage = false;
  });

  await step("at 380 px nothing overflows", async () => {
    const phone = await open({ width: 380, height: 800 }, { deviceScaleFactor: 2 });
    const candidate = front.results[0].candidate;
    for (const [name, hash, ready] of [
      ["jobs", "", ".stack tbody tr"],
      ["job", `#/jobs/${first}`, "a.dot"],
      ["candidate", `#/candidates/${candidate}`, ".curve canvas"],
      ["workers", "#/workers", ".stack tbody tr"],
    ]) {
      await goto(phone, hash);
      await phone.waitForSelector(ready);
      await noOverflow(phone, name);
      await shoot(phone, `${name}-380`);
    }
    await phone.context().close();
  });

  await step("a search says what it does, why it chose a network and how its front has grown", async () => {
    const phone = await open({ width: 380, height: 800 });
    for (const shown of [page, phone]) {
      // The server's own document of a list, as it were that of a search.
      await shown.route(`**/api/jobs/${first}`, async (route) => {
        const response = await route.fetch();
        const json = await response.json();
        Object.assign(json.job, {
          strategy: "ehvi",
          searching: true,
          search_message: `hrn: gain 0.0021 in 41 s ${HOSTILE}`,
          hypervolume: 0.4,
        });
        json.hypervolume_box = {
          axes: [{ objective: "relus", best: 1500, reference: 30720 }],
          reference_accuracy: 0.1,
        };
        const gains = [0.2, 0, 0.1, 0.1];
        json.hypervolumes = gains.map((gain, i) => ({
          result: front.results[i].result,
          candidate: front.results[i].candidate,
          trainings: 1 + Math.floor(i / 2),
          device_seconds: 1800 * (i + 1),
          hypervolume: gains.slice(0, i + 1).reduce((sum, one) => sum + one, 0),
          gain,
        }));
        Object.assign(json.candidates[0], { results_seen: 0, reason: "drawn", replacement: "polynomial" });
        await route.fulfill({ response, json });
      });
      await goto(shown, `#/jobs/${first}`);
      await shown.waitForSelector("a.rise");
      assert.equal(await shown.locator("a.rise").count(), 3, "a mark per result that raised it");
      const text = await shown.locator("main").innerText();
      for (const part of ["ehvi", "searching", "0.4000", "50.0 % of it", HOSTILE, "before any result: drawn", "polynomial", "chance (10.0 %)"]) {
        assert.ok(text.includes(part), `${part} in ${text}`);
      }
      const ends = [];
      for (const over of ["trainings", "device_hours"]) {
        await shown.selectOption(".hypervolume select", over);
        const drawn = await shown.getAttribute(".growth-line", "d");
        assert.ok(!/NaN|Infinity/.test(drawn), drawn);
        ends.push(await shown.locator(".hypervolume .axis-x .tick").last().textContent());
      }
      assert.deepEqual(ends, ["2", "2"], "two networks, two device hours");
      await shown.focus(".hypervolume select");
      await shown.keyboard.press("Tab");
      const label = await shown.evaluate(() => document.activeElement.getAttribute("aria-label"));
      assert.match(label, /raised the hypervolume by 0\.2000 to 0\.2000, after 1 network/);
      assert.ok(await shown.isVisible(".hypervolume .tooltip"));
      assert.equal(await shown.evaluate(() => window.hacked), undefined);
      await noOverflow(shown, "a search");
      await shoot(shown, `search-${shown === page ? 1280 : 380}`);
      await shown.unrouteAll({ behavior: "wait" });
    }
    await phone.context().close();
  });

  await step("what is wrong with workers and with a job's data is said in full", async () => {
    const [one, other] = ["1a2b3c4d5e6f".padEnd(64, "0"), "9f8e7d6c5b4a".padEnd(64, "1")];
    const cutShort = `/data/${"long/".repeat(30)}train.bin: cut short`;
    const phone = await open({ width: 380, height: 800 });
    for (const shown of [page, phone]) {
      // The server's own documents, with what a worker may say put in.
      const patch = async (route, change) => {
        const response = await route.fetch();
        const json = await response.json();
        change(json);
        await route.fulfill({ response, json });
      };
      await shown.route("**/api/workers", (route) =>
        patch(route, ({ workers }) => {
          const data = { train_images: 0, validation_images: 0, test_images: 0, split_seed: 1 };
          Object.assign(workers[0], {
            connected: true,
            problem: `quarantined until it is started again: ${HOSTILE}`,
            quarantined: true,
            data: [
              { ...data, data_set: "cifar10", data_hash: "", problem: cutShort },
              { ...data, data_set: "synthetic", data_hash: one, problem: "" },
            ],
          });
        }),
      );
      await shown.route(`**/api/jobs/${first}`, (route) =>
        patch(route, ({ job }) => {
          Object.assign(job, {
            message: "its workers have different copies",
            obstacles: Array.from({ length: 12 }, (_, i) => `worker ${i}: ${HOSTILE}`),
            data_hash: null,
            data_copies: [
              { data_hash: one, workers: ["fast"], candidates: 2 },
              { data_hash: other, workers: [], candidates: 0 },
            ],
          });
        }),
      );
      await goto(shown, "#/workers");
      const problems = await shown.locator(".problems").innerText();
      assert.ok(problems.includes(`Quarantined until it is started again: ${HOSTILE}`), problems);
      assert.ok(problems.includes(`Cannot use data set cifar10: ${cutShort}`), problems);
      const row = await shown.locator(".stack tbody tr").first().innerText();
      for (const part of ["quarantined", "1a2b3c4d5e6f", "cannot use it"]) {
        assert.ok(row.includes(part), `${part} in ${row}`);
      }
      await noOverflow(shown, "workers with problems");
      await goto(shown, `#/jobs/${first}`);
      await shown.waitForSelector(".choice");
      const message = await shown.locator("main .page-head > .message").innerText();
      assert.ok(message.includes("different copies") && message.includes(`worker 7: ${HOSTILE}`), message);
      assert.ok(!(await shown.isVisible("text=worker 8:")), "folded away");
      await shown.focus(".page-head details summary");
      await shown.keyboard.press("Enter");
      await shown.waitForSelector("text=worker 11:");
      const choice = await shown.locator(".choice").innerText();
      for (const part of [`reluscape data ${first} --use 1a2b3c4d5e6f`, "9f8e7d6c5b4a", "fast", "none connected"]) {
        assert.ok(choice.includes(part), `${part} in ${choice}`);
      }
      assert.equal(await shown.evaluate(() => window.hacked), undefined);
      await noOverflow(shown, "a job with problems");
      await shoot(shown, `problems-${shown === page ? 1280 : 380}`);
      await shown.unrouteAll({ behavior: "wait" });
    }
    await phone.context().close();
  });

  await installation.stop(worker);
  worker = installation.startWorker("slow", "--epoch-ms", 150);
  const second = installation.submit(job("live"));
  await step("a running job draws each result within 2 s of its commit, without a reload", async () => {
    await goto(page, `#/jobs/${second}`);
    await page.evaluate(() => {
      window.seen = {};
      const note = () => {
        for (const found of document.querySelectorAll("a.dot")) {
          window.seen[found.dataset.result] ??= Date.now();
        }
      };
      new MutationObserver(note).observe(document.body, { childList: true, subtree: true, attributes: true });
      note();
    });
    await page.waitForSelector(".running li [role=progressbar]");
    await page.waitForFunction(() => /epoch [1-9][0-9]* of/.test(document.querySelector(".running")?.innerText ?? ""));
    assert.match(await page.locator(".running li").first().innerText(), /left|under/);
    await page.waitForFunction(() => document.querySelectorAll("a.dot").length >= 2, null, { timeout: 90_000 });
    await shoot(page, "running-1280");
    await page.waitForFunction((n) => document.querySelectorAll("a.dot").length === n, RESULTS, { timeout: 120_000 });
    const seen = await page.evaluate(() => window.seen);
    assert.ok(seen, "the page was reloaded");
    const live = await api(`/api/jobs/${second}/results`);
    const delays = live.results.map((result) => seen[result.result] - result.created_at_ms);
    console.log(`        delays in ms: ${delays.join(" ")}`);
    for (const delay of delays) {
      assert.ok(delay <= LIVE_LIMIT_MS, `a result took ${delay} ms`);
    }
    await page.waitForSelector("h1 .badge.state-finished");
  });

  await step("the page survives a restart of the coordinator", async () => {
    outage = true;
    await installation.killServer();
    await page.waitForSelector('#live[data-state="reconnecting"]');
    assert.equal(await page.locator("a.dot").count(), RESULTS, "what was drawn stays");
    await installation.startServer();
    await page.waitForSelector('#live[data-state="live"]', { timeout: 30_000 });
    outage = false;
    const third = installation.submit(job("after", 2));
    await goto(page, "");
    await page.waitForSelector(`a[href="#/jobs/${third}"]`);
    await page.waitForSelector(".badge.state-running");
    await shoot(page, "jobs-1280");
    installation.client("cancel", third);
    await page.waitForSelector(".badge.state-cancelled");
  });

  await step("the dark scheme draws the same", async () => {
    const dark = await open({ width: 1280, height: 900 }, { colorScheme: "dark" });
    await goto(dark, `#/jobs/${first}`);
    await dark.waitForFunction((n) => document.querySelectorAll("a.dot").length === n, RESULTS);
    await shoot(dark, "job-dark");
    await goto(dark, `#/candidates/${front.results[0].candidate}`);
    await dark.waitForSelector(".curve canvas");
    await shoot(dark, "candidate-dark");
  });

  await step("no request left the origin, nothing complained", async () => {
    await sleep(300);
    assert.deepEqual(complaints, []);
  });
}

let failed = false;
try {
  await main();
} catch (error) {
  failed = true;
  console.error(error);
  console.error(complaints.join("\n"));
  installation.printLogs();
} finally {
  await browser?.close();
  await installation.close();
}
process.exit(failed ? 1 : 0);
