// csv.ts: comma-separated values (RFC 4180), read and written; the separator of what is read is found out.

export function parseCsv(text: string): string[][] {
  const clean = text.replace(/^\ufeff/, "");
  const first = clean.split(/\r?\n/, 1)[0] ?? "";
  const separator = [";", "\t", ","].sort((a, b) => first.split(b).length - first.split(a).length)[0] ?? ",";
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < clean.length; i++) {
    const c = clean[i] ?? "";
    if (quoted) {
      if (c === '"' && clean[i + 1] === '"') {
        cell += '"';
        i++;
      } else if (c === '"') quoted = false;
      else cell += c;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === separator) {
      row.push(cell);
      cell = "";
    } else if (c === "\n" || c === "\r") {
      if (c === "\r" && clean[i + 1] === "\n") i++;
      rows.push([...row, cell]);
      row = [];
      cell = "";
    } else cell += c;
  }
  if (cell !== "" || row.length > 0) rows.push([...row, cell]);
  return rows.filter((cells) => cells.some((one) => one !== ""));
}

export function writeCsv(rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string => (/[",;\r\n]|^\s|\s$/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}
