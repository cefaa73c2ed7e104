-- record_tree.core: the schemas whose places are paths: JSON, XML, CSV columns and EDI elements, to Lua values and back.

local csv = require "csv"
local decimal = require "decimal"
local edi = require "edi"
local json = require "json"
local values = require "record_value.core"
local xml = require "xml"

local M = {}

-- ---- reading: one walk for all; a source says how a place is looked up ----

local decode_fields

local function checked(field, value, why, path, fail)
  if why then fail(path, why) end
  if value == nil and field.need then fail(path, "is missing") end
  return value
end

function decode_fields(source, node, fields, path, fail)
  local into = {}
  for _, field in ipairs(fields) do
    local here = path .. "/" .. field.name
    if field.kind == "list" then
      local list = {}
      for i, item in ipairs(source.items(node, field, here, fail)) do
        list[i] = decode_fields(source, item, field.fields, here .. "/" .. i, fail)
      end
      if field.need and #list == 0 then fail(here, "is missing") end
      into[field.name] = list
    elseif field.kind == "group" then
      local below = source.group(node, field, here, fail)
      if below ~= nil then
        into[field.name] = decode_fields(source, below, field.fields, here, fail)
      elseif field.need then
        fail(here, "is missing")
      end
    elseif field.kind ~= "const" and field.name ~= "-" then
      local value, why = source.value(node, field)
      into[field.name] = checked(field, value, why, here, fail)
    end
  end
  return into
end

-- JSON: the types must be right already; texts of numbers and dates are read as such.
local function steps(place)
  local list = {}
  for step in place:gmatch("[^/]+") do list[#list + 1] = step end
  return list
end

local function member(node, place)
  for _, step in ipairs(steps(place)) do
    if type(node) ~= "table" then return nil end
    node = node[step]
  end
  if node == json.null then return nil end
  return node
end

local json_source = {
  value = function(node, field)
    local value = member(node, field.place)
    if value == nil then return nil end
    if type(value) == "table" then return nil, "is a list or object, not a " .. field.kind end
    if type(value) == "boolean" then
      if field.kind == "flag" and not field.details[1] then return value end
      return nil, "is " .. tostring(value) .. ", not a " .. field.kind
    end
    if field.kind == "text" then return tostring(value) end
    if field.kind == "number" or field.kind == "decimal" then
      local exact, why = values.exact(value)
      if not exact then return nil, why end
      if field.kind == "number" then return values.read("number", tostring(exact), field.details) end
      return exact
    end
    return values.read(field.kind, tostring(value), field.details)
  end,
  items = function(node, field, path, fail)
    local list = member(node, field.place)
    if list == nil then return {} end
    if type(list) ~= "table" or (next(list) ~= nil and #list == 0) then fail(path, "is not a list") end
    return list
  end,
  group = function(node, field, path, fail)
    local below = member(node, field.place)
    if below ~= nil and type(below) ~= "table" then fail(path, "is not an object") end
    return below
  end,
}

local xml_source = {
  value = function(node, field) return values.read(field.kind, node:value(field.place), field.details) end,
  items = function(node, field) return node:all(field.place) end,
  group = function(node, field) return node:find(field.place) end,
}

local function edi_value(node, field)
  local segment = node:segment(field.tag, field.qualifier)
  if not segment then return nil end
  local raw
  if field.beside then
    raw = segment:qualified(field.element, field.beside)
  elseif field.kind == "date" and not field.details[1] then
    return segment:date(field.element, field.component)
  elseif field.kind == "number" then
    return segment:number(field.element, field.component)
  elseif field.kind == "decimal" then
    return segment:decimal(field.element, field.component)
  else
    raw = segment:text(field.element, field.component)
  end
  return values.read(field.kind, raw, field.details)
end

local edi_source = {
  value = edi_value,
  items = function(node, field)
    local list = {}
    for loop in node:loops(field.tag, field.qualifier) do list[#list + 1] = loop end
    return list
  end,
  group = function(node, field) return node:loop(field.tag, field.qualifier) end,
}

local csv_source = {
  value = function(row, field) return values.read(field.kind, row[field.place], field.details) end,
  items = function(_, field, _, fail) fail("/" .. field.name, "CSV has no lists in a row") end,
  group = function(_, field, _, fail) fail("/" .. field.name, "CSV has no groups in a row") end,
}

function M.decode(schema, bytes, fail_with)
  local function fail(path, words) fail_with(path .. ": " .. words, path) end
  local function read(parse, ...)
    local done, value = pcall(parse, ...)
    if not done then fail_with((tostring(value):gsub("^.-:%d+: ", "")), "") end
    return value
  end
  if schema.format == "json" then
    return decode_fields(json_source, read(json.decode, bytes), schema.fields, "", fail)
  elseif schema.format == "xml" then
    local root = read(xml.decode, bytes)
    if schema.root and root.name ~= schema.root and root.name:match(":([^:]+)$") ~= schema.root then
      fail("", "the root element is " .. root.name .. ", not " .. schema.root)
    end
    return decode_fields(xml_source, root, schema.fields, "", fail)
  elseif schema.format == "edi" then
    return decode_fields(edi_source, read(edi.decode, bytes), schema.fields, "", fail)
  end
  local columns
  if schema.header == false then
    columns = {}
    for i, field in ipairs(schema.fields) do columns[i] = field.place end
  end
  local options = {separator = schema.separator, header = columns}
  local rows = {}
  for i, row in ipairs(read(csv.decode, bytes, options)) do
    rows[i] = decode_fields(csv_source, row, schema.fields, "/" .. i, fail)
  end
  return rows
end

-- ---- writing ----

local function fail(path, words) error((path == "" and "the value" or path) .. ": " .. words, 0) end

local function text_of(field, row, path)
  local value = row[field.name]
  if field.kind == "const" then return field.details[1] end
  if value == json.null then value = nil end
  if value == nil and field.need then fail(path, "is missing") end
  local text, why = values.write(field.kind, value, field.details)
  if not text then fail(path, why) end
  return text
end

local function below(row, field, path)
  local value = row[field.name]
  if value == nil or value == json.null then
    if field.need then fail(path, "is missing") end
    return field.kind == "list" and {} or nil
  end
  if type(value) ~= "table" then fail(path, "is a " .. type(value) .. ", not a " .. field.kind) end
  return value
end

local function json_fields(fields, row, path)
  local out = json.object {}
  local function put(place, value)
    local node, list = out, steps(place)
    for i = 1, #list - 1 do
      node[list[i]] = node[list[i]] or {}
      node = node[list[i]]
    end
    node[list[#list]] = value
  end
  for _, field in ipairs(fields) do
    local here = path .. "/" .. field.name
    if field.kind == "list" then
      local list = json.array {}
      for i, item in ipairs(below(row, field, here)) do list[i] = json_fields(field.fields, item, here .. "/" .. i) end
      put(field.place, list)
    elseif field.kind == "group" then
      local group = below(row, field, here)
      if group then put(field.place, json_fields(field.fields, group, here)) end
    else
      local text = text_of(field, row, here)
      if text ~= "" then
        if field.kind == "number" or field.kind == "decimal" then
          put(field.place, field.kind == "number" and math.tointeger(tonumber(text)) or decimal(text))
        elseif field.kind == "flag" and not field.details[1] then
          put(field.place, text == "true")
        else
          put(field.place, text)
        end
      end
    end
  end
  return out
end

-- The element that the path leads to, made where it is not there yet; and the attribute behind a last @.
local function xml_target(node, place)
  local path, attribute = place:match("^(.-)/?@([^/]+)$")
  for _, step in ipairs(steps(path or place)) do
    if step ~= "." then
      local found
      for _, child in ipairs(node.children) do if child.name == step then found = child end end
      if not found then
        found = xml.element(step)
        node.children[#node.children + 1] = found
      end
      node = found
    end
  end
  return node, attribute
end

local function xml_fields(node, fields, row, path)
  for _, field in ipairs(fields) do
    local here = path .. "/" .. field.name
    if field.kind == "list" then
      local parent, name = field.place:match("^(.-)/?([^/]+)$")
      local list = below(row, field, here)
      if #list > 0 then
        local target = xml_target(node, parent)
        for i, item in ipairs(list) do
          local element = xml.element(name)
          xml_fields(element, field.fields, item, here .. "/" .. i)
          target.children[#target.children + 1] = element
        end
      end
    elseif field.kind == "group" then
      local group = below(row, field, here)
      if group then xml_fields(xml_target(node, field.place), field.fields, group, here) end
    else
      local text = text_of(field, row, here)
      if text ~= "" then
        local target, attribute = xml_target(node, field.place)
        if attribute then target.attributes[attribute] = text else target.text = text end
      end
    end
  end
  return node
end

-- Fields that follow each other in the same segment fill it; a list or group begins with the segment that triggers it.
local function edi_fields(segments, fields, row, path)
  local current
  local function put(field, value)
    if value == nil or value == "" then return end
    if not current or current.tag ~= field.tag or current.qualifier ~= field.qualifier then
      current = {field.tag, tag = field.tag, qualifier = field.qualifier}
      if field.qualifier then current[2] = field.qualifier end
      segments[#segments + 1] = current
    end
    local at = field.element + 1
    if field.beside then
      while current[at] and current[at] ~= field.beside do at = at + 2 end
      current[at], current[at + 1] = field.beside, value
    elseif field.component then
      local composite = type(current[at]) == "table" and current[at] or {}
      composite[field.component] = value
      current[at] = composite
    else
      current[at] = value
    end
  end
  for _, field in ipairs(fields) do
    local here = path .. "/" .. field.name
    if field.kind == "list" then
      current = nil
      for i, item in ipairs(below(row, field, here)) do edi_fields(segments, field.fields, item, here .. "/" .. i) end
    elseif field.kind == "group" then
      current = nil
      local group = below(row, field, here)
      if group then edi_fields(segments, field.fields, group, here) end
    else
      local text = text_of(field, row, here)
      if field.kind == "date" and not field.details[1] and text ~= "" then text = edi.date(text) end
      if (field.kind == "decimal" or field.kind == "number") and text ~= "" then text = decimal(text) end
      put(field, text)
    end
  end
end

local function without_holes(segment)
  local last = 1
  for key in pairs(segment) do if math.type(key) == "integer" and key > last then last = key end end
  local list = table.pack(table.unpack(segment, 1, last))
  for i = 2, last do
    if type(list[i]) == "table" then
      local widest = 1
      for key in pairs(list[i]) do widest = math.max(widest, key) end
      for k = 1, widest do list[i][k] = list[i][k] or "" end
    end
  end
  return list
end

-- For edi the value is a document as edi.document makes it, to be returned as {edi = …}; else the text.
function M.encode(schema, value)
  if type(value) ~= "table" then error("a " .. type(value) .. " cannot be written by this schema", 0) end
  if schema.format == "json" then
    return json.encode(json_fields(schema.fields, value, ""))
  elseif schema.format == "xml" then
    return xml.encode(xml_fields(xml.element(schema.root or "record"), schema.fields, value, ""))
  elseif schema.format == "edi" then
    local segments = {}
    edi_fields(segments, schema.fields, value, "")
    for i, segment in ipairs(segments) do segments[i] = without_holes(segment) end
    return edi.document(schema.document.type, schema.document.version, segments)
  end
  local rows = {columns = {}}
  for i, field in ipairs(schema.fields) do rows.columns[i] = field.place end
  for number, row in ipairs(value) do
    local list = {}
    for i, field in ipairs(schema.fields) do list[i] = text_of(field, row, "/" .. number .. "/" .. field.name) end
    rows[number] = list
  end
  rows.separator, rows.header, rows.line_end = schema.separator, schema.header, schema.line
  return csv.encode(rows)
end

return M
