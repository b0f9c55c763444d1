// TypeScript types of our JSON documents, from the messages of a proto. ts-proto writes types of its
// own objects; documents are what MessageToJson (C++) prints, and differ in what is put right here.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = dirname(fileURLToPath(import.meta.url));
const OPTIONS = [
  "onlyTypes=true",
  "snakeToCamel=false",
  "forceLong=number",
  "useNullAsOptional=true",
  "stringEnums=true",
  "unrecognizedEnum=false",
  "comments=false", // they stand in the protos
];

// The types of all messages of `file`, and of what they use of the files that it imports. `folder`
// is where imports are looked up.
export function protoTypes(folder, file) {
  const out = mkdtempSync(join(tmpdir(), "reluscape-types-"));
  try {
    runProtoc(folder, file, out);
    const own = declarations(join(out, file.replace(/\.proto$/, ".ts")));
    const all = new Map();
    // google/protobuf comes with options, which are in no document.
    for (const name of readdirSync(out, { recursive: true }).sort()) {
      if (!name.endsWith(".ts") || name.startsWith(`google${sep}`)) continue;
      for (const [type, declaration] of declarations(join(out, name))) {
        if (all.has(type)) throw new Error(`${file}: two types would be called ${type}`);
        all.set(type, declaration);
      }
    }
    const wanted = new Set([...own.keys()].filter((type) => !isMapEntry(own.get(type))));
    for (const type of wanted) {
      for (const used of typesIn(all.get(type))) {
        if (all.has(used)) wanted.add(used); // a Set's loop comes to what is added
      }
    }
    return [...wanted].map((type) => written(all.get(type))).join("\n");
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function runProtoc(folder, file, out) {
  const plugin = join(root, "node_modules", ".bin", "protoc-gen-ts_proto");
  const protoc = spawnSync(
    "protoc",
    [
      `--proto_path=${folder}`,
      `--plugin=protoc-gen-ts_proto=${plugin}`,
      `--ts_proto_out=${out}`,
      `--ts_proto_opt=${OPTIONS.join(",")}`,
      file,
    ],
    { encoding: "utf8" },
  );
  if (protoc.error !== undefined) {
    throw new Error(`protoc does not start (${protoc.error.message}); tools/install installs it`);
  }
  if (protoc.status !== 0) {
    throw new Error(`protoc cannot read ${file}:\n${protoc.stderr}`);
  }
}

function declarations(path) {
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  return new Map(
    source.statements
      .filter((one) => ts.isInterfaceDeclaration(one) || ts.isEnumDeclaration(one))
      .map((one) => [one.name.text, one]),
  );
}

// ts-proto declares the entries of a map although it does not use them.
function isMapEntry(declaration) {
  const names = declaration.members.map((member) => member.name.text);
  return /_.*Entry$/.test(declaration.name.text) && names.join() === "key,value";
}

function typesIn(node) {
  const found = [];
  const visit = (one) => {
    if (ts.isTypeReferenceNode(one)) found.push(one.typeName.getText());
    ts.forEachChild(one, visit);
  };
  visit(node);
  return found;
}

function written(declaration) {
  const { name, members } = declaration;
  if (ts.isEnumDeclaration(declaration)) {
    const values = members.map(({ initializer }, i) =>
      i === 0 && initializer.text.endsWith("UNSPECIFIED")
        ? "null"
        : JSON.stringify(initializer.text.toLowerCase()),
    );
    return `export type ${name.text} =${values.map((value) => `\n  | ${value}`).join("")};\n`;
  }
  const fields = members.map((field) => `  ${field.name.getText()}: ${fieldType(field)};\n`);
  return `export interface ${name.text} {\n${fields.join("")}}\n`;
}

// Every field is written; null where it is `optional` (or of a oneof) and not set. ts-proto leaves
// such a field out, and takes every message for one that may be missing.
function fieldType(field) {
  const parts = ts.isUnionTypeNode(field.type) ? [...field.type.types] : [field.type];
  const texts = parts
    .map((part) => part.getText())
    .filter((text) => text !== "null" && text !== "undefined")
    .map((text) => text.replace(/\bUint8Array\b/g, "string")); // bytes are hexadecimal digits
  return [...texts, ...(field.questionToken === undefined ? [] : ["null"])].join(" | ");
}
