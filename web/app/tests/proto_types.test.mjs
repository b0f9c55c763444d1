import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { protoTypes } from "../proto_types.mjs";

// What becomes of `views`, which may import the other files.
function typesOf(views, others = {}) {
  const folder = mkdtempSync(join(tmpdir(), "reluscape-protos-"));
  try {
    for (const [name, text] of Object.entries({ "a/views.proto": views, ...others })) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), `syntax = "proto3";\npackage a;\n${text}`);
    }
    return protoTypes(folder, "a/views.proto");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("fields are as the documents have them: null only where optional, maps as objects", () => {
  const types = typesOf(`
    message Part { int64 snake_case = 1; bytes hash = 2; }
    message Whole {
      Part set = 1;
      optional Part unset = 2;
      repeated Part list = 3;
      map<string, Part> by_name = 4;
      map<string, int64> numbers = 5;
      oneof choice { string text = 6; double number = 7; }
      optional bool flag = 8;
    }`);
  assert.equal(
    types,
    `export interface Part {
  snake_case: number;
  hash: string;
}

export interface Whole {
  set: Part;
  unset: Part | null;
  list: Part[];
  by_name: { [key: string]: Part };
  numbers: { [key: string]: number };
  text: string | null;
  number: number | null;
  flag: boolean | null;
}
`,
  );
});

test("enums are their names in lower case, unspecified is null", () => {
  const types = typesOf(`
    message Plan {
      enum Kind { KIND_UNSPECIFIED = 0; SEARCH = 1; ONE_CYCLE = 2; }
      Kind kind = 1;
      optional Kind other = 2;
      repeated Kind more = 3;
    }`);
  assert.equal(
    types,
    `export interface Plan {
  kind: Plan_Kind;
  other: Plan_Kind | null;
  more: Plan_Kind[];
}

export type Plan_Kind =
  | null
  | "search"
  | "one_cycle";
`,
  );
});

test("of imported files comes what is used, and nothing of options", () => {
  const types = typesOf(
    `
    import "a/job.proto";
    import "a/options.proto";
    message View { JobSpec.Kind kind = 1; Report report = 2 [(range) = "0 to 1"]; }
    message Report { int64 epochs = 1 [(range) = "1 to 9"]; }`,
    {
      "a/job.proto": `
        import "a/options.proto";
        message JobSpec {
          enum Kind { SEARCH = 0; }
          Settings settings = 1;
        }
        message Settings { double rate = 1 [(range) = "0 to 1"]; }`,
      "a/options.proto": `
        import "google/protobuf/descriptor.proto";
        extend google.protobuf.FieldOptions { optional string range = 50000; }`,
    },
  );
  assert.equal(
    types,
    `export interface View {
  kind: JobSpec_Kind;
  report: Report;
}

export interface Report {
  epochs: number;
}

export type JobSpec_Kind =
  | "search";
`,
  );
});

test("a proto that cannot be read is named with protoc's words", () => {
  assert.throws(() => typesOf("message View { Missing field = 1; }"), /a\/views\.proto:\n(.|\n)*Missing/);
});
