// What a Job's search does, and why it chose a Candidate.
import { h, type Child } from "./dom";
import { count, hypervolume, percent } from "./format";
import type { Candidate, HypervolumePoint, JobDetail, Result } from "./views";

// Of these newest Results the page says what they added; of the newer half, where there are fewer
// than twice as many.
const NEWEST = 10;

export interface Growth {
  results: number;
  share: number; // of the hypervolume now
}

// What the newest Results added to the hypervolume; null while it is 0.
export function newestGrowth(points: HypervolumePoint[], now: number | null): Growth | null {
  const results = Math.min(NEWEST, Math.ceil(points.length / 2));
  if (now === null || now <= 0 || results === 0) {
    return null;
  }
  const added = points.slice(-results).reduce((sum, point) => sum + point.gain, 0);
  return { results, share: added / now };
}

// "12, 2 of them under way": networks that the search has chosen.
export function chosenNetworks(candidates: Candidate[]): string {
  const chosen = candidates.filter((candidate) => candidate.results_seen !== null);
  const open = ["BLOCKED", "QUEUED", "LEASED"];
  const underWay = chosen.filter((candidate) =>
    candidate.tasks.some((task) => open.includes(task.state)),
  ).length;
  return `${count(chosen.length)}${underWay === 0 ? "" : `, ${count(underWay)} of them under way`}`;
}

// After how many Results of its Job, and why; null where no search has chosen it.
export function choiceText(candidate: Candidate, points: HypervolumePoint[]): string | null {
  const seen = candidate.results_seen;
  if (seen === null) {
    return null;
  }
  const known = points.filter((point) => point.result <= seen).length;
  const when =
    known === 0 ? "before any result" : `after ${count(known)} ${known === 1 ? "result" : "results"}`;
  return candidate.reason === "" ? when : `${when}: ${candidate.reason}`;
}

// What sets a Candidate or Result apart that has the name of another.
export function remarks(row: Candidate | Result): string[] {
  const reused = "reused_from" in row ? row.reused_from : null;
  return [
    ...(row.replacement === "polynomial" ? ["polynomial"] : []),
    ...(reused === null ? [] : [`reused from result ${reused}`]),
  ];
}

// The same as a quiet addition to a name.
export function remarksBeside(row: Candidate | Result): Child {
  const texts = remarks(row);
  return texts.length === 0 ? null : h("span", { class: "remarks" }, ` ${texts.join(", ")}`);
}

export function searchPart({ job, candidates, hypervolumes }: JobDetail): HTMLElement {
  const growth = newestGrowth(hypervolumes, job.hypervolume);
  const state = job.searching ? ["running", "searching"] : ["finished", "ended"];
  const facts: [string, Child][] = [
    ["Strategy", h("code", {}, job.strategy ?? "")],
    ["State", h("span", { class: `badge state-${state[0]}` }, state[1] ?? "")],
    ["Networks chosen", chosenNetworks(candidates)],
    ["Hypervolume", hypervolume(job.hypervolume)],
  ];
  if (growth !== null) {
    const newest = growth.results === 1 ? "the newest result" : `the newest ${growth.results} results`;
    facts.push([`Added by ${newest}`, `${percent(growth.share)} of it`]);
  }
  if (job.search_message !== "") {
    facts.push(["What it did last", job.search_message]);
  }
  return h(
    "dl",
    { class: "facts" },
    ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}
