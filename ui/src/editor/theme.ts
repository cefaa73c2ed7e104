// editor/theme.ts: the editor in the colours of the page. The variables of base.css reach into the shadow root.

import {EditorView} from "@codemirror/view";
import type {Extension} from "@codemirror/state";

const panel = {
  backgroundColor: "var(--raised)",
  color: "var(--text)",
  border: "1px solid var(--line)",
  borderRadius: "8px",
  boxShadow: "0 8px 24px var(--shade)",
};

export const looks: Extension[] = [
  EditorView.lineWrapping,
  EditorView.theme({
    "&": {height: "100%", color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "0.8125rem"},
    "&.cm-focused": {outline: "2px solid var(--accent)", outlineOffset: "-2px"},
    ".cm-scroller": {fontFamily: "var(--mono)", lineHeight: "1.6"},
    ".cm-content": {caretColor: "var(--text)"},
    ".cm-cursor": {borderLeftColor: "var(--text)"},
    ".cm-gutters": {backgroundColor: "transparent", color: "var(--quiet)", border: "0"},
    ".cm-activeLine": {backgroundColor: "color-mix(in srgb, var(--accent) 7%, transparent)"},
    ".cm-activeLineGutter": {backgroundColor: "transparent", color: "var(--text)"},
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
      backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)",
    },
    ".cm-selectionMatch": {backgroundColor: "color-mix(in srgb, var(--accent) 14%, transparent)"},
    "&.cm-focused .cm-matchingBracket": {backgroundColor: "var(--accent-soft)", outline: "1px solid var(--line-strong)"},
    ".cm-tooltip": panel,
    ".cm-tooltip.cm-tooltip-autocomplete > ul": {fontFamily: "var(--mono)", maxHeight: "16em"},
    ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
      backgroundColor: "var(--accent-soft)",
      color: "var(--text)",
    },
    ".cm-completionDetail": {color: "var(--quiet)", fontStyle: "normal", marginLeft: "1em"},
    ".cm-completionMatchedText": {textDecoration: "none", fontWeight: "700"},
    ".cm-completionInfo, .cm-doc": {
      ...panel,
      maxWidth: "32em",
      padding: "0.5em 0.75em",
      fontFamily: "var(--sans)",
      whiteSpace: "pre-wrap",
    },
    ".cm-diagnostic-error": {borderLeftColor: "var(--bad)"},
    ".cm-diagnostic-warning": {borderLeftColor: "var(--wait)"},
    ".cm-lintRange-error": {backgroundImage: "none", textDecoration: "underline wavy var(--bad) 1px"},
    ".cm-lintRange-warning": {backgroundImage: "none", textDecoration: "underline wavy var(--wait) 1px"},
    ".cm-lintRange-info": {backgroundImage: "none", textDecoration: "underline dotted var(--calm) 1px"},
    ".cm-lint-marker": {
      content: "none",
      width: "0.8em",
      height: "0.8em",
      borderRadius: "2px",
      transform: "rotate(45deg) scale(0.8)",
    },
    ".cm-lint-marker-error": {backgroundColor: "var(--bad)"},
    ".cm-lint-marker-warning": {backgroundColor: "var(--wait)"},
    ".cm-lint-marker-info": {backgroundColor: "var(--calm)"},
    ".cm-panels": {backgroundColor: "var(--raised)", color: "var(--text)", borderColor: "var(--line)"},
    ".cm-textfield": {backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line-strong)"},
    ".cm-button": {
      backgroundImage: "none",
      backgroundColor: "var(--surface)",
      color: "var(--text)",
      border: "1px solid var(--line-strong)",
    },
    ".cm-foldPlaceholder": {backgroundColor: "var(--sunken)", color: "var(--quiet)", border: "0"},
  }),
];
