// parts/icon.tsx: the few icons, drawn as lines in the colour of the text beside them. They only ever accompany words.

import type {JSX} from "preact";

const paths = {
  in: "M8 2v9M4.500 7.500 8 11l3.500-3.500M3 14h10",
  out: "M8 11V2M4.500 5.500 8 2l3.500 3.500M3 14h10",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.800 10.800 14 14",
  menu: "M2 4h12M2 8h12M2 12h12",
  close: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  check: "M2.500 8.500 6 12l7.500-8",
  warn: "M8 2 1.500 13.500h13zM8 6.500v3.500M8 11.800v.2",
  again: "M13.500 8A5.500 5.500 0 1 1 11.800 4M12 1.500V4.500H9",
  down: "M8 2v8M4.500 7 8 10.500 11.500 7M2.500 13.500h11",
  back: "M9.500 3 4.500 8l5 5",
  forward: "M6.500 3l5 5-5 5",
} as const;

export function Icon({name}: {name: keyof typeof paths}): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" class="logo-ground" />
      <path class="logo-root" d="M16 26V13M16 20c-4 0-6-2-6-6M16 20c4 0 6-2 6-6M9 26v-7M23 26v-7" />
      <path
        class="logo-leaf"
        d="M6 13c0-4 4.500-7 10-7s10 3 10 7c-2 1.500-4 1-5.500-.3C19 14.200 17.500 14 16 12.900 14.500 14 13 14.200 11.500 12.700 10 14 8 14.500 6 13z"
      />
    </svg>
  );
}
