// The gateway's documents (the messages of views.proto) and how to fetch them.
import { bool, list, map, nullable, num, obj, str, type Check, type Infer } from "./schema";

const epoch = obj({
  epoch: num,
  loss: num,
  train_accuracy: num,
  validation_accuracy: num,
  learning_rate: num,
  lambda: nullable(num),
  relus: num,
  seconds: num,
});

const task = obj({
  task: num,
  candidate: num,
  stage: str,
  budget: nullable(num),
  state: str,
  attempt: num,
  worker: str,
  epochs_done: num,
  epochs_planned: num,
  last_epoch: nullable(epoch),
  device_seconds: num,
  started_at_ms: nullable(num),
  finished_at_ms: nullable(num),
  message: str,
});

const candidate = obj({
  candidate: num,
  job: num,
  name: str,
  network: str,
  network_hash: str,
  replicate: num,
  relus: num,
  relus_with_stem: num,
  macs: num,
  parameters: num,
  budgets: list(num),
  tasks: list(task),
  role: str,
  measured_stage: nullable(num),
  teacher: nullable(num),
  origin: str,
});

const dataCopy = obj({ data_hash: str, workers: list(str), candidates: num });

const job = obj({
  job: num,
  name: str,
  state: str,
  created_at_ms: num,
  finished_at_ms: nullable(num),
  unsealed_at_ms: nullable(num),
  data_set: str,
  recipe: str,
  candidates: num,
  results: num,
  tasks: map(num),
  message: str,
  objectives: list(str),
  kind: str,
  obstacles: list(str),
  data_hash: nullable(str),
  data_copies: list(dataCopy),
});

const criticality = obj({
  candidate: num,
  name: str,
  network: str,
  network_hash: str,
  order: list(num),
  exponent: num,
  baseline: str,
  stages: list(
    obj({
      stage: num,
      relus: num,
      accuracy: num,
      accuracy_lowest: num,
      accuracy_highest: num,
      replicates: num,
      score: num,
      rank: num,
    }),
  ),
});

const result = obj({
  result: num,
  job: num,
  candidate: num,
  name: str,
  network: str,
  network_hash: str,
  budget: num,
  relus: num,
  relus_with_stem: num,
  polynomials: num,
  macs: num,
  parameters: num,
  accuracy_soft: num,
  accuracy_trimmed: num,
  accuracy_validation: num,
  accuracy_test: nullable(num),
  latency: map(num),
  on_front: bool,
  seeds: obj({ pretrain: num, linearize: nullable(num), fine_tune: nullable(num), split: num }),
  recipe: str,
  measurement: obj({
    build_commit: str,
    torch_version: str,
    device: str,
    precision: str,
    threads: num,
    data_hash: str,
    split_hash: str,
    train_images: num,
    validation_images: num,
    test_images: num,
  }),
  seconds: obj({ pretrain: num, linearize: num, fine_tune: num }),
  worker: str,
  attempt: num,
  created_at_ms: num,
  layers: list(
    obj({
      layer: str,
      units: num,
      kept: num,
      polynomials: num,
      input_min: nullable(num),
      input_max: nullable(num),
    }),
  ),
  artifact_sha256: str,
  artifact_bytes: num,
  origin: str,
  costs: map(obj({ value: num, lower_bound: bool })),
  off_front: str,
});

const curvePoint = obj({
  task: num,
  stage: str,
  budget: nullable(num),
  attempt: num,
  at_ms: num,
  epoch,
});

const workerData = obj({
  data_set: str,
  train_images: num,
  validation_images: num,
  test_images: num,
  split_seed: num,
  data_hash: str,
  problem: str,
});

const worker = obj({
  worker: str,
  host: str,
  pid: num,
  device: str,
  torch_version: str,
  build_commit: str,
  data_sets: list(str),
  last_seen_ms: num,
  connected: bool,
  tasks: list(num),
  protocol: num,
  behaviour: num,
  problem: str,
  quarantined: bool,
  data: list(workerData),
});

export const jobList = obj({ jobs: list(job) });
export const jobDetail = obj({
  job,
  spec_json: str,
  candidates: list(candidate),
  criticality: list(criticality),
});
export const front = obj({
  job: num,
  objectives: list(str),
  results: list(result),
  cost_limits: list(str),
});
export const candidateDetail = obj({
  candidate,
  curves: list(curvePoint),
  results: list(result),
});
export const workerList = obj({ workers: list(worker) });
export const serverEvent = obj({
  event: num,
  at_ms: num,
  kind: str,
  job: num,
  candidate: num,
  task: num,
  result: num,
  worker: str,
  detail: str,
});

export type Task = Infer<typeof task>;
export type Candidate = Infer<typeof candidate>;
export type Criticality = Infer<typeof criticality>;
export type DataCopy = Infer<typeof dataCopy>;
export type Job = Infer<typeof job>;
export type JobDetail = Infer<typeof jobDetail>;
export type Result = Infer<typeof result>;
export type Front = Infer<typeof front>;
export type CurvePoint = Infer<typeof curvePoint>;
export type CandidateDetail = Infer<typeof candidateDetail>;
export type Worker = Infer<typeof worker>;
export type ServerEvent = Infer<typeof serverEvent>;

// What the server answered instead of a document.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export async function get<T>(path: string, check: Check<T>, signal: AbortSignal): Promise<T> {
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
  return check(JSON.parse(text), "");
}

// The message of {"error": "..."}, null where the text is something else.
export function errorMessage(text: string): string | null {
  try {
    return obj({ error: str })(JSON.parse(text), "").error;
  } catch {
    return null;
  }
}
