// format.ts: times, sizes, counts and words, always written the same way.

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n: number): string => String(n).padStart(2, "0");

// Local time. Within a list the year is left out while it is this year's.
export function localTime(date: Date, now: Date = new Date()): string {
  const day = `${date.getDate()} ${months[date.getMonth()]}`;
  const year = date.getFullYear() === now.getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${day}${year} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export function utcTime(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", " UTC");
}

export function relativeTime(date: Date, now: Date = new Date()): string {
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000);
  const text = duration(Math.abs(seconds));
  if (text === "0 s") return "now";
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

// One unit, rounded down: 59 s, 3 min, 5 h, 12 d.
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function plural(n: number, one: string, many: string = one + "s"): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function size(bytes: number): string {
  if (bytes < 1024) return plural(bytes, "byte");
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// A name of the API as words: "not_after" → "Not after".
export function words(name: string): string {
  const text = name
    .replace(/_/g, " ")
    .replace(/\b(id|as2|x12|edifact|url|mdn|sha256|ip|ca|tls|ssh)\b/gi, (word) => word.toUpperCase());
  return capital(text);
}
