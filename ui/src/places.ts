// places.ts: everywhere one can go. The rail, the keys after "g" and the help sheet are all made of this table.

export interface Place {
  title: string;
  path: string[];
  key: string; // After "g".
}

export interface Group {
  title: string;
  places: Place[];
}

export const groups: Group[] = [
  {
    title: "Traffic",
    places: [
      {title: "Overview", path: [], key: "o"},
      {title: "Messages", path: ["messages"], key: "m"},
      {title: "Acknowledgements", path: ["acknowledgements"], key: "a"},
      {title: "Jobs", path: ["jobs"], key: "j"},
    ],
  },
  {
    title: "Configuration",
    places: [
      {title: "Partners", path: ["config", "partners"], key: "p"},
      {title: "Stations", path: ["config", "stations"], key: "i"},
      {title: "Connections", path: ["config", "connections"], key: "c"},
      {title: "Flows", path: ["config", "flows"], key: "f"},
      {title: "Endpoints", path: ["config", "endpoints"], key: "e"},
      {title: "Policies", path: ["config", "policies"], key: "y"},
      {title: "Scripts", path: ["config", "scripts"], key: "s"},
      {title: "Tables", path: ["config", "tables"], key: "t"},
      {title: "Schemas", path: ["config", "schemas"], key: "x"},
    ],
  },
  {
    title: "System",
    places: [
      {title: "Certificates", path: ["config", "certificates"], key: "r"},
      {title: "Notifications", path: ["config", "notifications"], key: "n"},
      {title: "Users", path: ["config", "users"], key: "u"},
      {title: "API keys", path: ["config", "keys"], key: "k"},
      {title: "Audit", path: ["audit"], key: "l"},
      {title: "Settings and about", path: ["about"], key: "b"},
    ],
  },
];

export const places: Place[] = groups.flatMap((group) => group.places);

// Whether `place` is where `path` is, or the list above it.
export function isAt(place: Place, path: string[]): boolean {
  if (place.path.length === 0) return path.length === 0;
  return place.path.every((segment, index) => path[index] === segment);
}
