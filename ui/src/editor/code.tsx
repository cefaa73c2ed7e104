// editor/code.tsx: the text editor (CodeMirror 6) as a part. It lives in a shadow root of its own: there its style sheets are objects and
// not elements, so that the page's policy (style-src 'self') needs no exception. Fetched on demand, see lazy.tsx.
//
// The keyboard is never held: Esc, then Tab leaves the editor (WCAG 2.1.2).

import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type CompletionSource,
} from "@codemirror/autocomplete";
import {defaultKeymap, history, historyKeymap, indentWithTab} from "@codemirror/commands";
import {bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit} from "@codemirror/language";
import {lintGutter, lintKeymap, setDiagnostics, type Diagnostic} from "@codemirror/lint";
import {highlightSelectionMatches, searchKeymap} from "@codemirror/search";
import {Compartment, EditorState, type Extension} from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
  hoverTooltip,
  type KeyBinding,
} from "@codemirror/view";
import type {JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";
import {luaLanguage, luaLooks} from "./lua";
import {looks} from "./theme";

export interface Mark {
  line: number; // From 1.
  column?: number; // From 1; left out, the whole line.
  severity: "error" | "warning" | "info";
  text: string;
}

export interface CodeEditorProps {
  value: string;
  label: string;
  onChange?: (text: string) => void;
  language?: "lua" | "text";
  marks?: readonly Mark[];
  complete?: CompletionSource;
  explain?: (word: string) => string | null; // What is said of the word under the pointer.
  readOnly?: boolean;
  keys?: readonly {key: string; run: () => void}[];
  goTo?: {line: number; turn: number} | null; // A new object goes there and takes the focus.
}

// What came from outside replaces the text. What was typed here comes back as a property a moment later, when more may have been typed:
// such an echo is known by its text and changes nothing.
export function CodeEditor(props: CodeEditorProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  const known = useRef(props.value);
  const told = useRef<string[]>([]);
  latest.current = props;

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const root = element.shadowRoot ?? element.attachShadow({mode: "open"});
    const editor = new EditorView({root, parent: root, state: stateOf(props.value)});
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    const echo = told.current.indexOf(props.value);
    if (echo >= 0) told.current.splice(0, echo + 1);
    if (!editor || echo >= 0 || known.current === props.value) return;
    known.current = props.value;
    told.current = [];
    editor.dispatch({changes: {from: 0, to: editor.state.doc.length, insert: props.value}});
  }, [props.value]);

  useEffect(() => {
    const editor = view.current;
    if (editor)
      editor.dispatch(
        setDiagnostics(
          editor.state,
          (props.marks ?? []).map((mark) => diagnostic(editor, mark)),
        ),
      );
  }, [props.marks]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || !props.goTo) return;
    const line = editor.state.doc.line(Math.max(1, Math.min(editor.state.doc.lines, props.goTo.line)));
    editor.dispatch({selection: {anchor: line.from}, effects: EditorView.scrollIntoView(line.from, {y: "center"})});
    editor.focus();
  }, [props.goTo]);

  function stateOf(text: string): EditorState {
    const readOnly = new Compartment();
    const own: KeyBinding[] = (props.keys ?? []).map(({key, run}) => ({
      key,
      preventDefault: true,
      run: () => {
        // The handler of now, not of when the editor was made.
        (latest.current.keys?.find((candidate) => candidate.key === key)?.run ?? run)();
        return true;
      },
    }));
    const extensions: Extension[] = [
      keymap.of(own),
      lineNumbers(),
      highlightActiveLineGutter(),
      history(),
      foldGutter(),
      drawSelection(),
      indentOnInput(),
      indentUnit.of("  "),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      highlightSelectionMatches(),
      lintGutter(),
      keymap.of([
        ...closeBracketsKeymap,
        ...defaultKeymap,
        ...searchKeymap,
        ...historyKeymap,
        ...foldKeymap,
        ...completionKeymap,
        ...lintKeymap,
        indentWithTab,
      ]),
      EditorView.contentAttributes.of({"aria-label": props.label, spellcheck: "false", tabindex: "0"}),
      readOnly.of(EditorState.readOnly.of(props.readOnly ?? false)),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        const now = update.state.doc.toString();
        if (now === known.current) return;
        known.current = now;
        told.current.push(now);
        latest.current.onChange?.(now);
      }),
      ...looks,
    ];
    if (props.language !== "text") {
      extensions.push(luaLanguage, luaLooks);
      extensions.push(autocompletion({override: [(context) => latest.current.complete?.(context) ?? null], icons: false}));
      extensions.push(hoverTooltip((editor, position) => tip(editor, position, latest.current.explain)));
    }
    return EditorState.create({doc: text, extensions});
  }

  return <div class="editor" ref={host} />;
}

function diagnostic(editor: EditorView, mark: Mark): Diagnostic {
  const doc = editor.state.doc;
  const line = doc.line(Math.max(1, Math.min(doc.lines, mark.line)));
  const start = mark.column
    ? Math.min(line.to, line.from + mark.column - 1)
    : line.from + (/^\s*/.exec(line.text)?.[0].length ?? 0);
  return {from: Math.min(start, line.to), to: line.to, severity: mark.severity, message: mark.text};
}

function tip(
  editor: EditorView,
  position: number,
  explain: CodeEditorProps["explain"],
): ReturnType<Parameters<typeof hoverTooltip>[0]> {
  const line = editor.state.doc.lineAt(position);
  for (const match of line.text.matchAll(/[A-Za-z_][\w.:]*/g)) {
    const from = line.from + match.index;
    const to = from + match[0].length;
    if (position < from || position > to) continue;
    const text = explain?.(match[0]);
    if (!text) return null;
    return {
      pos: from,
      end: to,
      above: true,
      create: () => {
        const dom = document.createElement("div");
        dom.className = "cm-doc";
        dom.textContent = text;
        return {dom};
      },
    };
  }
  return null;
}
