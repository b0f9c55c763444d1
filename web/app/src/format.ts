// Numbers, times and names as people read them.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const MISSING = "–";

// 12,345
export function count(value: number | null): string {
  return value === null ? MISSING : grouped.format(value);
}

// 12.3k, 4.56M: three significant digits, for axes and narrow places.
export function short(value: number): string {
  for (const [size, unit] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    // 999,950 would otherwise be written 1000k.
    if (Math.abs(value) >= size * 0.9995) {
      return `${significant(value / size)}${unit}`;
    }
  }
  return significant(value);
}

function significant(value: number): string {
  if (value === 0) {
    return "0";
  }
  const text = value.toPrecision(3);
  return text.includes("e") ? String(Number(text)) : String(Number.parseFloat(text));
}

// Three significant digits, small ones as 1.5e-5: for curves and their axes.
export function plain(value: number): string {
  const text = Number(value.toPrecision(3));
  return value !== 0 && Math.abs(value) < 1e-3 ? text.toExponential() : String(text);
}

// A fraction as 81.2 %.
export function percent(fraction: number | null): string {
  return fraction === null ? MISSING : `${(fraction * 100).toFixed(1)} %`;
}

// A hypervolume, in [0, 1], or by how much it rose: 0.4213; small ones as 1.5e-5.
export function hypervolume(value: number | null): string {
  if (value === null) {
    return MISSING;
  }
  return value !== 0 && Math.abs(value) < 0.0005 ? plain(value) : value.toFixed(4);
}

// 850 ms, 3.42 s, 5 min 20 s, 2 h 05 min.
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) {
    return MISSING;
  }
  if (seconds === 0) {
    return "0 s";
  }
  if (seconds < 0.9995) {
    return `${significant(seconds * 1000)} ms`;
  }
  if (seconds < 59.95) {
    return `${significant(seconds)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 3600) {
    const rest = whole % 60;
    return rest === 0 || whole >= 600
      ? `${Math.round(whole / 60)} min`
      : `${Math.floor(whole / 60)} min ${rest} s`;
  }
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

// Time left, coarse on purpose.
export function timeLeft(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) {
    return "";
  }
  return seconds < 1 ? "under 1 s left" : `${duration(seconds < 60 ? Math.ceil(seconds) : seconds)} left`;
}

export function bytes(value: number): string {
  for (const [size, unit] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ] as const) {
    if (value >= size) {
      return `${significant(value / size)} ${unit}`;
    }
  }
  return `${value} B`;
}

const dateTime = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
});

export function time(ms: number | null): string {
  return ms === null ? MISSING : dateTime.format(new Date(ms));
}

// "8 s ago"; a clock that runs ahead of ours counts as now.
export function ago(ms: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  if (seconds < 2) {
    return "now";
  }
  if (seconds < 86400) {
    return `${duration(seconds)} ago`;
  }
  const days = Math.floor(seconds / 86400);
  return `${days} ${days === 1 ? "day" : "days"} ago`;
}

// What papers on ReLU reduction print: shown wherever a result's costs are.
export const PAPERS = "papers.online_s";

// "delphi_server_garbler": "DELPHI server garbler"
export function protocolName(protocol: string): string {
  const words = protocol.split("_");
  const first = words[0] ?? "";
  const known: Record<string, string> = {
    delphi: "DELPHI",
    cryptflow2: "CrypTFlow2",
    cheetah: "Cheetah",
    spu: "SPU",
    ckks: "CKKS",
    papers: "Papers’",
  };
  return [known[first] ?? first, ...words.slice(1)].join(" ");
}

// A cost metric's parts, as in "cheetah.online_s@wan" or, without a setting, PAPERS; null for
// another name.
export function parseMetric(
  name: string,
): { protocol: string; output: string; setting: string; unit: "s" | "bytes" | "" } | null {
  const match = /^([a-z0-9_]+)\.([^@]+)(?:@(.+))?$/.exec(name);
  if (match === null) {
    return null;
  }
  const [, protocol = "", output = "", setting = ""] = match;
  const unit = /(^|_)(s|seconds)$/.test(output) ? "s" : output.endsWith("_bytes") ? "bytes" : "";
  return { protocol, output, setting, unit };
}

// A metric's value with its unit.
export function metricValue(name: string, value: number): string {
  switch (parseMetric(name)?.unit) {
    case "s":
      return duration(value);
    case "bytes":
      return bytes(value);
    default:
      return plain(value);
  }
}

// A value of an objective or axis, short.
export function axisNumber(axis: string, value: number): string {
  return parseMetric(axis) === null ? short(value) : metricValue(axis, value);
}

// An objective or axis as a title with its unit.
export function axisTitle(axis: string): string {
  const metric = parseMetric(axis);
  if (metric !== null) {
    const output = metric.output.replace(/_(s|bytes)$/, "").replace(/[._]/g, " ");
    const unit = metric.unit === "" ? "" : ` (${metric.unit})`;
    const setting = metric.setting === "" ? "" : `, ${metric.setting}`;
    return `${protocolName(metric.protocol)} ${output}${setting}${unit}`;
  }
  return { relus: "ReLUs", macs: "MACs", parameters: "Parameters" }[axis] ?? axis;
}

// Whether an axis is in seconds.
export function inSeconds(axis: string): boolean {
  return parseMetric(axis)?.unit === "s";
}

// First twelve digits of a hash.
export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}
