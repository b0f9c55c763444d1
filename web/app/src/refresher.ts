// Turns many events into few fetches.

// A result must be shown within 2 s of its commit, so even a page that is heavy to fetch does not
// wait longer.
const LONGEST_PAUSE_MS = 1200;

// Calls `work` soon after request(), never twice at once, and not before `minimumMs` (or three
// times what the last call took, up to LONGEST_PAUSE_MS) have passed since the last call began: a
// page that is heavy to fetch is fetched less often.
export class Refresher {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private running = false;
  private again = false;
  private lastStart = Number.NEGATIVE_INFINITY;
  private lastTook = 0;
  private stopped = false;

  constructor(
    private readonly work: () => Promise<void>,
    private readonly delayMs = 80,
    private readonly minimumMs = 400,
    private readonly now: () => number = () => performance.now(),
  ) {}

  request(): void {
    if (this.stopped || this.timer !== null) {
      return;
    }
    if (this.running) {
      this.again = true;
      return;
    }
    const earliest = this.lastStart + Math.max(this.minimumMs, Math.min(LONGEST_PAUSE_MS, 3 * this.lastTook));
    const wait = Math.max(this.delayMs, earliest - this.now());
    this.timer = setTimeout(() => void this.run(), wait);
  }

  async run(): Promise<void> {
    this.timer = null;
    if (this.stopped) {
      return;
    }
    this.running = true;
    this.lastStart = this.now();
    try {
      await this.work();
    } finally {
      this.running = false;
      this.lastTook = this.now() - this.lastStart;
      if (this.again) {
        this.again = false;
        this.request();
      }
    }
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
  }
}
