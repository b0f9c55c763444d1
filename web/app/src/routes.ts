// The part of the address behind "#".

export type Page =
  | { page: "jobs" }
  | { page: "workers" }
  | { page: "job"; id: number }
  | { page: "candidate"; id: number }
  | { page: "unknown" };

export function parseRoute(hash: string): Page {
  const path = hash.replace(/^#/, "").replace(/\/+$/, "");
  if (path === "") {
    return { page: "jobs" };
  }
  if (path === "/workers") {
    return { page: "workers" };
  }
  const match = /^\/(jobs|candidates)\/([1-9][0-9]{0,15})$/.exec(path);
  if (match === null) {
    return { page: "unknown" };
  }
  const id = Number(match[2]);
  return match[1] === "jobs" ? { page: "job", id } : { page: "candidate", id };
}
