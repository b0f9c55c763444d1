// Checks that a JSON document is what the code expects, and derives the TypeScript types from the
// same description, so that a wrong or missing field is named once instead of drawn as NaN.

export type Check<T> = (value: unknown, path: string) => T;
export type Infer<C> = C extends Check<infer T> ? T : never;

function fail(path: string, wanted: string, value: unknown): never {
  const found = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
  throw new Error(`${path}: found ${found}, expected ${wanted}`);
}

export const num: Check<number> = (value, path) =>
  typeof value === "number" && Number.isFinite(value) ? value : fail(path, "a number", value);

export const str: Check<string> = (value, path) =>
  typeof value === "string" ? value : fail(path, "text", value);

export const bool: Check<boolean> = (value, path) =>
  typeof value === "boolean" ? value : fail(path, "true or false", value);

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null || value === undefined ? null : check(value, path));
}

export function list<T>(check: Check<T>): Check<T[]> {
  return (value, path) =>
    Array.isArray(value)
      ? value.map((item, i) => check(item, `${path}[${i}]`))
      : fail(path, "an array", value);
}

export function map<T>(check: Check<T>): Check<Map<string, T>> {
  return (value, path) =>
    isRecord(value)
      ? new Map(Object.entries(value).map(([key, item]) => [key, check(item, `${path}.${key}`)]))
      : fail(path, "an object", value);
}

// Fields beyond those described are dropped.
export function obj<F extends Record<string, Check<unknown>>>(
  fields: F,
): Check<{ [K in keyof F]: Infer<F[K]> }> {
  return (value, path) => {
    if (!isRecord(value)) {
      return fail(path, "an object", value);
    }
    const out: Record<string, unknown> = {};
    for (const [name, check] of Object.entries(fields)) {
      out[name] = check(value[name], path === "" ? name : `${path}.${name}`);
    }
    return out as { [K in keyof F]: Infer<F[K]> };
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
