// Builds dist/ (committed, and embedded into reluscape-server), or with --tests the unit tests.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
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
  const out = join(root, process.env.RELUSCAPE_WEB_DIST ?? "dist");
  mkdirSync(out, { recursive: true });
  await build({
    entryPoints: { app: join(root, "src", "main.ts") },
    outdir: out,
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome100", "firefox100", "safari15.4"],
    charset: "utf8",
    legalComments: "eof",
  });
  for (const name of ["index.html", "icon.svg"]) {
    copyFileSync(join(root, "src", name), join(out, name));
  }
}
