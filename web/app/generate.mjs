// Writes src/views.ts, or with --check fails where it is not what would be written.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { protoTypes } from "./proto_types.mjs";

const root = dirname(fileURLToPath(import.meta.url));
const path = join(root, "src", "views.ts");
const text = `// The documents of the HTTP API: the messages of proto/reluscape/v1/views.proto, which says what
// their fields mean. Written by \`npm run generate\` in web/app; do not edit.

${protoTypes(resolve(root, "../../proto"), "reluscape/v1/views.proto")}`;

if (!process.argv.includes("--check")) {
  writeFileSync(path, text);
} else if (readFileSync(path, "utf8") !== text) {
  console.error(
    "web/app/src/views.ts differs from proto/reluscape/v1/views.proto: run npm ci && " +
      "npm run generate && npm run build in web/app and commit src/views.ts and dist",
  );
  process.exit(1);
}
