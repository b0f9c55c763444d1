import type { ServerEvent } from "./api";

// One page. `load` fetches and draws; it may be called again at any time, and throws what the calls
// of api.ts throw.
export interface View {
  readonly element: HTMLElement;
  readonly nav: "jobs" | "workers";
  title(): string;
  load(signal: AbortSignal): Promise<void>;
  // Whether this event may change what the page shows.
  concerns(event: ServerEvent): boolean;
  close(): void;
}
