// The documents of the HTTP API: the messages of proto/reluscape/v1/views.proto, which says what
// their fields mean. Written by `npm run generate` in web/app; do not edit.

export interface Task {
  task: number;
  candidate: number;
  stage: string;
  budget: number | null;
  state: string;
  attempt: number;
  worker: string;
  epochs_done: number;
  epochs_planned: number;
  last_epoch: Epoch | null;
  device_seconds: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  message: string;
}

export interface Candidate {
  candidate: number;
  job: number;
  name: string;
  network: string;
  network_hash: string;
  replicate: number;
  relus: number;
  relus_with_stem: number;
  macs: number;
  parameters: number;
  budgets: number[];
  tasks: Task[];
  role: string;
  measured_section: number | null;
  teacher: number | null;
  origin: string;
  pretrained_file: string | null;
  pretrained_sha256: string | null;
  replacement: string;
  results_seen: number | null;
  reason: string;
}

export interface Job {
  job: number;
  name: string;
  state: string;
  created_at_ms: number;
  finished_at_ms: number | null;
  unsealed_at_ms: number | null;
  data_set: string;
  recipe: string;
  candidates: number;
  results: number;
  tasks: { [key: string]: number };
  message: string;
  objectives: string[];
  kind: string;
  obstacles: string[];
  data_hash: string | null;
  data_copies: DataCopy[];
  archived_at_ms: number | null;
  keeps: string;
  threads: number;
  strategy: string | null;
  searching: boolean;
  search_message: string;
  hypervolume: number | null;
}

export interface DataCopy {
  data_hash: string;
  workers: string[];
  candidates: number;
}

export interface JobList {
  jobs: Job[];
}

export interface JobDetail {
  job: Job;
  spec_json: string;
  candidates: Candidate[];
  criticality: Criticality[];
  artifact_files: number;
  artifact_bytes: number;
  hypervolume_box: HypervolumeBox;
  hypervolumes: HypervolumePoint[];
}

export interface HypervolumePoint {
  result: number;
  candidate: number;
  trainings: number;
  device_seconds: number;
  hypervolume: number;
  gain: number;
}

export interface Criticality {
  candidate: number;
  name: string;
  network: string;
  network_hash: string;
  order: number[];
  exponent: number;
  baseline: string;
  sections: SectionCriticality[];
}

export interface SectionCriticality {
  section: number;
  relus: number;
  accuracy: number;
  accuracy_lowest: number;
  accuracy_highest: number;
  replicates: number;
  score: number;
  rank: number;
}

export interface Seeds {
  pretrain: number;
  linearize: number | null;
  fine_tune: number | null;
  split: number;
}

export interface StageSeconds {
  pretrain: number;
  linearize: number;
  fine_tune: number;
}

export interface Cost {
  value: number;
  lower_bound: boolean;
}

export interface Result {
  result: number;
  job: number;
  candidate: number;
  name: string;
  network: string;
  network_hash: string;
  report: ResultReport;
  relus_with_stem: number;
  macs: number;
  parameters: number;
  accuracy_test: number | null;
  costs: { [key: string]: Cost };
  on_front: boolean;
  off_front: string;
  seeds: Seeds;
  recipe: string;
  provenance: Provenance;
  seconds: StageSeconds;
  worker: string;
  attempt: number;
  created_at_ms: number;
  origin: string;
  weights_removed_at_ms: number | null;
  replacement: string;
  reused_from: number | null;
  hypervolume_gain: number | null;
}

export interface ResultList {
  job: number;
  objectives: string[];
  results: Result[];
  cost_limits: string[];
}

export interface HypervolumeBox {
  axes: HypervolumeBox_Axis[];
  reference_accuracy: number;
}

export interface HypervolumeBox_Axis {
  objective: string;
  best: number;
  reference: number;
}

export interface CurvePoint {
  task: number;
  stage: string;
  budget: number | null;
  attempt: number;
  at_ms: number;
  epoch: Epoch;
}

export interface CandidateDetail {
  candidate: Candidate;
  curves: CurvePoint[];
  results: Result[];
}

export interface Worker {
  worker: string;
  host: string;
  pid: number;
  device: string;
  torch_version: string;
  build_commit: string;
  data_sets: string[];
  last_seen_ms: number;
  connected: boolean;
  tasks: number[];
  protocol: number;
  behaviour: number;
  problem: string;
  quarantined: boolean;
  data: WorkerData[];
  cores: number;
  sharers: number;
  fast_precisions: string[];
}

export interface WorkerData {
  data_set: string;
  train_images: number;
  validation_images: number;
  test_images: number;
  split_seed: number;
  data_hash: string;
  problem: string;
}

export interface WorkerList {
  workers: Worker[];
}

export interface Event {
  event: number;
  at_ms: number;
  kind: string;
  job: number;
  candidate: number;
  task: number;
  result: number;
  worker: string;
  detail: string;
}

export interface EventList {
  events: Event[];
}

export interface Preview {
  networks: Preview_Network[];
  candidates: number;
  tasks: { [key: string]: number };
  recipe: string;
  notes: string[];
  space: Preview_Space | null;
}

export interface Preview_Network {
  name: string;
  network: string;
  replicates: number;
  relus: number;
  relus_with_stem: number;
  macs: number;
  parameters: number;
  budgets: number[];
  role: string;
  origin: string;
}

export interface Preview_Space {
  combinations: number;
  listed: boolean;
  looked_at: number;
  networks: number;
  same: number;
  left_out: { [key: string]: number };
  strategy: string;
  seeds: number;
}

export interface Epoch {
  epoch: number;
  loss: number;
  train_accuracy: number;
  validation_accuracy: number;
  learning_rate: number;
  lambda: number | null;
  relus: number;
  seconds: number;
}

export interface ResultReport {
  budget: number;
  relus: number;
  layers: LayerRelus[];
  accuracy_soft: number;
  accuracy_trimmed: number;
  accuracy_validation: number;
  artifact: Artifact;
  classes: ClassAccuracy[];
  accuracy_worst_class: number | null;
}

export interface Provenance {
  build_commit: string;
  torch_version: string;
  device: string;
  precision: string;
  threads: number;
  data_hash: string;
  split_hash: string;
  train_images: number;
  validation_images: number;
  test_images: number;
}

export interface LayerRelus {
  layer: string;
  units: number;
  kept: number;
  polynomials: number;
  input_min: number | null;
  input_max: number | null;
}

export interface Artifact {
  sha256: string;
  bytes: number;
}

export interface ClassAccuracy {
  name: string;
  images: number;
  correct: number;
}
