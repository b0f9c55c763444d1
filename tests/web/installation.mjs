// One Reluscape installation on free ports, all state in a temporary folder.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function waitFor(condition, what, timeoutMs = 30_000) {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const value = await condition();
    if (value) {
      return value;
    }
    await sleep(50);
  }
  throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
}

export class Installation {
  constructor(binDir, workerProgram) {
    this.binDir = binDir;
    this.workerProgram = workerProgram;
    this.folder = mkdtempSync(join(tmpdir(), "reluscape-web-"));
    this.data = join(this.folder, "data");
    mkdirSync(this.data);
    this.processes = new Set();
    this.grpcPort = 0;
    this.httpPort = 0;
    this.server = null;
  }

  get url() {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  // After a restart on the ports it had before.
  async startServer() {
    const ports = join(this.data, "server.json");
    rmSync(ports, { force: true });
    this.server = this.#start("server", join(this.binDir, "reluscape-server"), [
      "--data-dir", this.data,
      "--grpc-port", this.grpcPort,
      "--http-port", this.httpPort,
      "--lease-seconds", 10,
      "--sync-interval-ms", 200,
    ]);
    await waitFor(() => {
      if (this.server.exitCode !== null) {
        throw new Error(`reluscape-server ended with ${this.server.exitCode}`);
      }
      return existsSync(ports);
    }, "the server listens");
    const found = JSON.parse(readFileSync(ports, "utf8"));
    this.grpcPort = found.grpc_port;
    this.httpPort = found.http_port;
  }

  startWorker(id, ...flags) {
    return this.#start(id, this.workerProgram, [
      "--server", `127.0.0.1:${this.grpcPort}`,
      "--artifact-dir", join(this.data, "artifacts"),
      "--id", id,
      ...flags,
    ]);
  }

  #start(name, program, flags) {
    const log = openSync(join(this.data, `${name}.log`), "a");
    const child = spawn(program, flags.map(String), { stdio: ["ignore", log, log] });
    child.ended = new Promise((resolve) => child.once("exit", resolve));
    child.once("exit", () => this.processes.delete(child));
    child.once("error", (error) => console.error(`${program}: ${error.message}`));
    this.processes.add(child);
    return child;
  }

  async stop(child, signal = "SIGTERM") {
    child.kill(signal);
    await child.ended;
  }

  async killServer() {
    await this.stop(this.server, "SIGKILL");
  }

  client(...words) {
    const run = spawnSync(
      join(this.binDir, "reluscape"),
      ["--server", `127.0.0.1:${this.grpcPort}`, ...words.map(String)],
      { encoding: "utf8", timeout: 60_000 },
    );
    if (run.status !== 0) {
      throw new Error(`reluscape ${words.join(" ")} ended with ${run.status}: ${run.stderr ?? run.error}`);
    }
    return run.stdout;
  }

  submit(job) {
    const path = join(this.folder, "job.json");
    writeFileSync(path, JSON.stringify(job));
    return JSON.parse(this.client("submit", path, "--json")).job;
  }

  async waitForJob(number, timeoutMs = 120_000) {
    return waitFor(async () => {
      const { job } = await (await fetch(`${this.url}/api/jobs/${number}`)).json();
      if (["FAILED", "CANCELLED"].includes(job.state)) {
        throw new Error(`job ${number} is ${job.state}: ${job.message}`);
      }
      return job.state === "FINISHED";
    }, `job ${number} is finished`, timeoutMs);
  }

  printLogs() {
    for (const name of readdirSync(this.data).filter((entry) => entry.endsWith(".log"))) {
      console.error(`--- ${name}\n${readFileSync(join(this.data, name), "utf8").slice(-4000)}`);
    }
  }

  async close() {
    for (const child of [...this.processes]) {
      await this.stop(child, "SIGKILL");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
