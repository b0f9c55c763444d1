// Documents as the gateway sends them.
import type { Candidate, CurvePoint, HypervolumePoint, Job, Result, ResultReport, Worker } from "../src/views";

export function job(changes: Partial<Job>): Job {
  return {
    job: 1,
    name: "measure",
    state: "RUNNING",
    created_at_ms: 1,
    finished_at_ms: null,
    unsealed_at_ms: null,
    data_set: "synthetic",
    recipe: "r",
    candidates: 5,
    results: 0,
    tasks: { QUEUED: 5 },
    message: "",
    objectives: [],
    kind: "search",
    obstacles: [],
    data_hash: null,
    data_copies: [],
    archived_at_ms: null,
    keeps: "all",
    threads: 2,
    strategy: null,
    searching: false,
    search_message: "",
    hypervolume: null,
    ...changes,
  };
}

export function worker(changes: Partial<Worker>): Worker {
  return {
    worker: "a",
    host: "here",
    pid: 1,
    device: "cpu",
    torch_version: "2.13.0",
    build_commit: "abc",
    data_sets: ["synthetic"],
    last_seen_ms: 1000,
    connected: true,
    tasks: [],
    protocol: 1,
    behaviour: 1,
    problem: "",
    quarantined: false,
    cores: 2,
    sharers: 2,
    data: [],
    fast_precisions: [],
    ...changes,
  };
}

export function candidate(changes: Partial<Candidate>): Candidate {
  return {
    candidate: 1,
    job: 1,
    name: "resnet18@8",
    network: "resnet in=3x32x32",
    network_hash: "n".repeat(64),
    replicate: 0,
    relus: 30720,
    relus_with_stem: 38912,
    macs: 8_000_000,
    parameters: 170_000,
    budgets: [1000],
    tasks: [],
    role: "search",
    measured_section: null,
    teacher: null,
    origin: "named",
    pretrained_file: null,
    pretrained_sha256: null,
    replacement: "identity",
    results_seen: null,
    reason: "",
    ...changes,
  };
}

// A network and a minute per Result: its number and by how much it raises the hypervolume.
export function growth(...results: [number, number][]): HypervolumePoint[] {
  let hypervolume = 0;
  return results.map(([result, gain], i) => {
    hypervolume += gain;
    const trainings = i + 1;
    return { result, candidate: trainings, trainings, device_seconds: 60 * trainings, hypervolume, gain };
  });
}

type Changes = Partial<Omit<Result, "report">> & { report?: Partial<ResultReport> };

export function result({ report, ...changes }: Changes): Result {
  return {
    result: 1,
    job: 1,
    candidate: 1,
    name: "resnet18@8",
    network: "resnet in=3x32x32",
    network_hash: "n".repeat(64),
    report: {
      budget: 1000,
      relus: 1000,
      layers: [
        {
          layer: "section1.block1.relu1",
          units: 2048,
          kept: 17,
          polynomials: 0,
          input_min: null,
          input_max: null,
        },
      ],
      accuracy_soft: 0.8,
      accuracy_trimmed: 0.6,
      accuracy_validation: 0.7,
      artifact: { sha256: "f".repeat(64), bytes: 4096 },
      classes: [],
      ...report,
    } as ResultReport,
    relus_with_stem: 1100,
    macs: 8_000_000,
    parameters: 170_000,
    accuracy_test: null,
    on_front: true,
    seeds: { pretrain: 1, linearize: 2, fine_tune: 3, split: 4 },
    recipe: "r".repeat(12),
    provenance: {
      build_commit: "abc",
      torch_version: "2.13.0",
      device: "cpu",
      precision: "float32",
      threads: 2,
      data_hash: "d".repeat(64),
      split_hash: "s".repeat(64),
      train_images: 900,
      validation_images: 100,
      test_images: 100,
    },
    seconds: { pretrain: 1, linearize: 2, fine_tune: 3 },
    worker: "worker-1",
    attempt: 1,
    created_at_ms: 1_700_000_000_000,
    origin: "named",
    costs: {
      "papers.online_s": { value: 0.0215, lower_bound: true },
      "cheetah.online_s@wan": { value: 2.5, lower_bound: true },
    },
    off_front: "",
    weights_removed_at_ms: null,
    replacement: "identity",
    reused_from: null,
    hypervolume_gain: null,
    ...changes,
  };
}

export function results(...changes: Changes[]): Result[] {
  return changes.map((change, i) => result({ result: i + 1, ...change }));
}

export function curvePoints(
  ...points: { stage: string; budget?: number; epoch: number; relus?: number; lambda?: number }[]
): CurvePoint[] {
  return points.map((point) => ({
    task: 1,
    stage: point.stage,
    budget: point.budget ?? null,
    attempt: 1,
    at_ms: 0,
    epoch: {
      epoch: point.epoch,
      loss: 1 / (point.epoch + 1),
      train_accuracy: 0.5,
      validation_accuracy: 0.25,
      learning_rate: 0.1,
      lambda: point.lambda ?? null,
      relus: point.relus ?? 2048,
      seconds: 1,
    },
  }));
}
