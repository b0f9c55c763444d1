// The stream of events that keeps a page current: /api/events by EventSource.
import type { ServerEvent } from "./api";

// An EventSource tells of named events only those that it is asked for by name. An event of a kind
// that is missing here shows with the next refresh, seconds later (main.ts).
const KINDS = [
  "job.submitted",
  "job.budgets_added",
  "job.finished",
  "job.cancelled",
  "job.unsealed",
  "job.archived",
  "job.deleted",
  "task.queued",
  "task.leased",
  "task.retried",
  "task.handed_back",
  "task.succeeded",
  "task.failed",
  "task.cancelled",
  "lease.expired",
  "epoch",
  "snapshot",
  "result",
  "result.reused",
  "search.chosen",
  "search.ended",
  "criticality",
  "worker.connected",
];

export type LiveState = "connecting" | "live" | "reconnecting" | "paused";

export interface EventHandlers {
  event: (event: ServerEvent) => void;
  // The stream is open, again or for the first time: whatever happened before it must be fetched.
  open: () => void;
  state: (state: LiveState) => void;
}

// Connects again on its own, also where EventSource gives up (a 503 when all streams are taken).
// A hidden page holds no stream: browsers allow six connections per server, the server a few more.
export class EventStream {
  private source: EventSource | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private failures = 0;

  constructor(
    private readonly url: string,
    private readonly handlers: EventHandlers,
  ) {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        this.close();
        this.handlers.state("paused");
      } else if (this.source === null) {
        this.connect();
      }
    });
    // A page kept for the back button would hold its stream.
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", () => {
      if (this.source === null && !document.hidden) {
        this.connect();
      }
    });
    if (!document.hidden) {
      this.connect();
    }
  }

  private connect(): void {
    this.close();
    this.handlers.state(this.failures === 0 ? "connecting" : "reconnecting");
    const source = new EventSource(this.url);
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.handlers.state("live");
      this.handlers.open();
    };
    source.onerror = () => {
      this.handlers.state("reconnecting");
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        this.close();
        this.retry = setTimeout(() => this.connect(), retryDelay(this.failures++));
      }
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (message: MessageEvent<string>) => {
        this.handlers.event(JSON.parse(message.data) as ServerEvent);
      });
    }
  }

  private close(): void {
    if (this.retry !== null) {
      clearTimeout(this.retry);
      this.retry = null;
    }
    this.source?.close();
    this.source = null;
  }
}

// 1 s, 2 s, 4 s, ... at most 15 s.
export function retryDelay(failures: number): number {
  return Math.min(15_000, 1000 * 2 ** Math.min(failures, 10));
}
