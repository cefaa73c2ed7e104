// editor/lua.ts: the colours of Lua.

import {HighlightStyle, StreamLanguage, syntaxHighlighting} from "@codemirror/language";
import {lua} from "@codemirror/legacy-modes/mode/lua";
import {tags} from "@lezer/highlight";

export const luaLanguage = StreamLanguage.define(lua);

export const luaLooks = syntaxHighlighting(
  HighlightStyle.define([
    {tag: tags.keyword, color: "var(--accent)", fontWeight: "600"},
    {tag: tags.comment, color: "var(--quiet)", fontStyle: "italic"},
    {tag: tags.string, color: "var(--wait)"},
    {tag: [tags.number, tags.bool, tags.null], color: "var(--calm)"},
    {tag: [tags.standard(tags.variableName), tags.standard(tags.name)], color: "var(--calm)"},
  ]),
);
