// Builds dist/ (committed, and embedded into reluscape-server), or with --tests the unit tests.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));

if (process.argv.includes("--tests")) {
  const out = join(root, "node_modules", ".tests");
  rmSync(out, { recursive: true, force: true });
  await build({
    entryPoints: readdirSync(join(root, "tests"))
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => join(root, "tests", name)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node18",
  });
} else {
  const out = resolve(root, process.env.RELUSCAPE_WEB_DIST ?? "dist");
  mkdirSync(out, { recursive: true });
  const { metafile } = await build({
    entryPoints: { app: join(root, "src", "main.ts") },
    outdir: out,
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome100", "firefox100", "safari15.4"],
    charset: "utf8",
    legalComments: "none", // licenses.txt has the whole texts
    metafile: true,
  });
  writeFileSync(join(out, "licenses.txt"), licenses(Object.keys(metafile.inputs)));
  for (const name of ["index.html", "icon.svg"]) {
    copyFileSync(join(root, "src", name), join(out, name));
  }
}

// The licence texts of the packages that went into the bundle.
function licenses(inputs) {
  const names = new Set();
  for (const input of inputs) {
    const match = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match !== null) {
      names.add(match[1]);
    }
  }
  const texts = [...names].sort().map((name) => {
    const folder = join(root, "node_modules", name);
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) {
      throw new Error(`${name} has no licence file`);
    }
    return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return `The dashboard (app.js, app.css) contains these packages.\n\n${texts.join(`\n${"-".repeat(72)}\n\n`)}`;
}
