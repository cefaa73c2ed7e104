// screens/identities.ts: who sent something, told from the beginning of a file or from AS2 headers.

export interface Identities {
  x12_id?: string;
  edifact_id?: string;
  as2_id?: string;
}

export function identitiesIn(text: string): Identities {
  const found: Identities = {};
  const isa = /ISA(.)[^]{2}\1[^]{10}\1[^]{2}\1[^]{10}\1([^]{2})\1([^]{15})\1/.exec(text);
  if (isa) found.x12_id = `${(isa[2] ?? "").trim()}:${(isa[3] ?? "").trim()}`;
  const una = /UNA(.)(.)/.exec(text);
  const [component, element] = una ? [una[1] ?? ":", una[2] ?? "+"] : [":", "+"];
  const unb = text.indexOf("UNB" + element);
  if (unb >= 0) {
    const sender = text.slice(unb).split(element)[2]?.split(component) ?? [];
    const id = sender[0]?.trim();
    if (id) found.edifact_id = sender[1]?.trim() ? `${id}:${sender[1].trim()}` : id;
  }
  const from = /^AS2-From:\s*("?)(.+?)\1\s*$/im.exec(text);
  if (from?.[2]) found.as2_id = from[2].replace(/\\(.)/g, "$1");
  return found;
}
