// The HTTP API: which document comes from where. Nothing is checked, as the page and the documents
// come from one binary.
import type { CandidateDetail, Event, JobDetail, JobList, ResultList, WorkerList } from "./views";

export type { Event as ServerEvent }; // the browser has an Event of its own

export const EVENTS = "api/events";

export const getJobs = (signal: AbortSignal): Promise<JobList> => get("api/jobs", signal);

export const getJob = (job: number, signal: AbortSignal): Promise<JobDetail> =>
  get(`api/jobs/${job}`, signal);

export const getResults = (job: number, signal: AbortSignal): Promise<ResultList> =>
  get(`api/jobs/${job}/results`, signal);

export const getCandidate = (candidate: number, signal: AbortSignal): Promise<CandidateDetail> =>
  get(`api/candidates/${candidate}`, signal);

export const getWorkers = (signal: AbortSignal): Promise<WorkerList> => get("api/workers", signal);

// What the server answered instead of a document.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (signal.aborted) {
      throw error;
    }
    throw new ApiError(0, "The server does not answer. The page goes on as soon as it does.");
  }
  const text = await response.text();
  if (!response.ok) {
    throw new ApiError(response.status, errorMessage(text) ?? `HTTP status ${response.status}`);
  }
  return JSON.parse(text) as T;
}

// The message of {"error": "..."}, null where the text is something else.
export function errorMessage(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === "string" ? error : null;
  } catch {
    return null;
  }
}
