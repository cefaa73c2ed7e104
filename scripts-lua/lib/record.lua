-- record: files of records, by a small schema: fixed width, COBOL copybooks, CSV, JSON, XML and EDI, to Lua values and
-- back. The values are the same whatever the file is: texts, whole numbers, exact decimals, ISO dates, true and false,
-- lists and tables by name; so they go into JSON as they are.
--
--   local order = record.schema [[
--     format: xml
--     root: order
--     number   text     @id !
--     date     date     header/date  ccyymmdd
--     lines    list     lines/line !
--       sku    text     sku !
--       price  decimal  price
--   ]]
--   local value = order:decode(message.body)       -- also message.record(order); what is malformed is rejected
--   return {body = order:encode(value)}             -- of format edi: {edi = order:encode(value)}
--
-- A field is NAME KIND PLACE and details; ! behind it: it must be there. Kinds: text, number (whole), decimal, date
-- (its pattern; without one an ISO date), flag (its words for true and false), const (its value; the name is -), and
-- list and group, whose fields stand below, indented. What a place is depends on the format:
--   fixed  a width in bytes; `decimal 8 2` has two digits behind a point that is not written. Besides: zoned, packed and
--          binary numbers (WIDTH SCALE unsigned). A list says how often, by a number or the field that holds it.
--          charset: ibm1047; line: crlf, lf or none; several records: `select: 1-1`, then `record header H` over its
--          fields; rows then have `record` = "header".
--   csv    a column; separator: ";" header: no
--   json   a path of members: customer/name
--   xml    a path of elements, @id for an attribute; root: names the element around all
--   edi    format: edi 850 004010; then BEG03, REF[DP]02 (the REF that begins with DP), DTM01.2 (a component),
--          PO106:VP (the value beside VP, from element 6 on); a list or group: the segment that starts its loop, N1[ST]
-- Fixed and csv give a list of rows; `single: yes` the only one.
--
--   local item = record.copybook(text, {charset = "ibm037", line = "none"})    -- the fields of a COBOL copybook
--
-- The short form, for plain ASCII records:
--   local schema = {
--     {"type", 1}, {"number", 10}, {"quantity", 6, "number"}, {"price", 8, "decimal", 2}, {"date", 8, "date", "ccyymmdd"},
--   }
--   for _, row in ipairs(message:record(schema)) do … row.number … end
--   return {body = record.encode(schema, rows)}
--
-- A field is {name, width, kind, detail}. Kinds: "text" (left-aligned, blanks cut; the default), "number" (whole, leading
-- zeros), "decimal" (detail digits behind a point that is not written), "date" (detail is its pattern). A name of "-" is
-- filler. Several record types: {H = {…}, L = {…}, select = 1} chooses by the text in the first 1 character (or by
-- {from, to}); rows then have `record` = "H" or "L".

local copybook = require "copybook.core"
local date = require "date"
local decimal = require "decimal"
local fixed = require "record_fixed.core"
local schema_text = require "record_schema.core"
local text = require "text"
local tree = require "record_tree.core"

local M = {}

local schema_methods = {}
local schema_meta = {__index = schema_methods, __name = "record schema", __metatable = "record schema"}

local function give_up(words)
  error("record: " .. words, 3)
end

local function reject_it_with(words, where)
  reject(words, {where = where, code = "malformed"})
end

local function inside(schema)
  return rawget(schema, "inside")
end

-- The value of a text. What is malformed rejects the message, with its place.
function schema_methods:decode(bytes, reject_it)
  local schema = inside(self)
  local engine = schema.format == "fixed" and fixed or tree
  local value = engine.decode(schema, bytes, reject_it == false and give_up or reject_it_with)
  if not schema.single then return value end
  if #value ~= 1 then
    (reject_it == false and give_up or reject_it_with)("there are " .. #value .. " records, not one", "")
  end
  return value[1]
end

-- The text of a value; of format edi the document for a result's `edi`.
function schema_methods:encode(value)
  local schema = inside(self)
  local engine = schema.format == "fixed" and fixed or tree
  if schema.single then value = {value} end
  local done, out = pcall(engine.encode, schema, value)
  if not done then error("record: " .. tostring(out):gsub("^lib/.-:%d+: ", ""), 2) end
  return out
end

local function make_schema(schema)
  return setmetatable({inside = schema, format = schema.format}, schema_meta)
end

function M.schema(definition)
  if type(definition) ~= "string" then error("record.schema takes a text, this is a " .. type(definition), 2) end
  local done, schema = pcall(schema_text.parse, definition)
  if not done then error(schema, 2) end
  return make_schema(schema)
end

-- Options: charset (ibm037 unless given), line ("none", "lf", "crlf"), single.
function M.copybook(definition, options)
  if type(definition) ~= "string" then error("record.copybook takes the text of a copybook", 2) end
  options = options or {}
  local done, fields = pcall(copybook.parse, definition)
  if not done then error(fields, 2) end
  local ends = {none = "", lf = "\n", crlf = "\r\n"}
  local line = ends[options.line or "none"]
  if not line then error("record.copybook: line is none, lf or crlf", 2) end
  return make_schema {
    format = "fixed", charset = options.charset or "ibm037", line = line, single = options.single, fields = fields,
  }
end

local function width_of(fields)
  local width = 0
  for i, field in ipairs(fields) do
    if type(field) ~= "table" or type(field[1]) ~= "string" or math.type(field[2]) ~= "integer" or field[2] < 1 then
      error("record: field " .. i .. " is not {name, width, kind, detail}", 0)
    end
    width = width + field[2]
  end
  return width
end

local read = {
  text = function(raw) return text.present(raw) end,
  number = function(raw)
    raw = text.present(raw)
    if not raw then return nil end
    return math.tointeger(tonumber(raw)) or nil, not raw:find("^[+-]?%d+$") and "is not a whole number" or nil
  end,
  decimal = function(raw, digits)
    raw = text.present(raw)
    if not raw then return nil end
    if not raw:find("^[+-]?%d+$") then return nil, "is not made of digits" end
    return decimal(raw):divide(decimal("1" .. ("0"):rep(digits or 2)), digits or 2)
  end,
  date = function(raw, pattern)
    raw = text.present(raw)
    if not raw or raw:find("^0+$") then return nil end
    return date.try(raw, pattern or "ccyymmdd")
  end,
}

local function fields_for(schema, line)
  if not schema.select then return schema end
  local from, to = 1, schema.select
  if type(to) == "table" then from, to = to[1], to[2] end
  local kind = line:sub(from, to)
  return schema[kind], kind
end

local function fault(reject_it, number, words)
  local message = "record " .. number .. ": " .. words
  if reject_it then reject(message, {where = "line " .. number}) end
  error(message, 3)
end

-- The rows of a text; `reject_it` makes a fault a rejection.
function M.decode(bytes, schema, reject_it)
  local rows = {}
  if type(schema) == "table" and getmetatable(schema) == "record schema" then
    return schema:decode(bytes, reject_it and true or false)
  end
  if type(schema) ~= "table" then error("record: the schema is a " .. type(schema) .. ", not a table", 2) end
  if text.starts(bytes, "\xEF\xBB\xBF") then bytes = bytes:sub(4) end
  for number, line in ipairs(text.lines(bytes)) do
    local fields, kind = fields_for(schema, line)
    if line:find("%S") then
      if not fields then fault(reject_it, number, "no record type '" .. tostring(kind) .. "' is known") end
      local at, row, width = 1, {record = kind}, width_of(fields)
      if utf8.len(line) == #line and #line > width then
        fault(reject_it, number, "has " .. #line .. " characters, " .. width .. " are described")
      end
      for _, field in ipairs(fields) do
        local name, size, how, detail = field[1], field[2], field[3] or "text", field[4]
        if not read[how] then error("record: field " .. name .. " is of unknown kind '" .. tostring(how) .. "'", 2) end
        if name ~= "-" then
          local value, why = read[how](line:sub(at, at + size - 1), detail)
          if why then fault(reject_it, number, "field " .. name .. " " .. why) end
          row[name] = value
        end
        at = at + size
      end
      rows[#rows + 1] = row
    end
  end
  return rows
end

local write = {
  text = function(value, width) return text.left(value or "", width) end,
  number = function(value, width)
    if value == nil then return (" "):rep(width) end
    return text.zeros(decimal(value):integer(), width)
  end,
  decimal = function(value, width, digits)
    if value == nil then return (" "):rep(width) end
    digits = digits or 2
    local scaled = (decimal(value):round(digits) * decimal("1" .. ("0"):rep(digits))):round(0)
    return scaled:sign() < 0 and "-" .. text.zeros(tostring(scaled:abs()), width - 1) or text.zeros(tostring(scaled), width)
  end,
  date = function(value, width, pattern)
    if value == nil then return (" "):rep(width) end
    return text.left(date.format(value, pattern or "ccyymmdd"), width)
  end,
}

-- The text of rows; `line_end` is "\r\n" unless given.
function M.encode(schema, rows, line_end)
  local lines = {}
  if getmetatable(schema) == "record schema" then return schema:encode(rows) end
  for number, row in ipairs(rows) do
    local fields = schema.select and schema[row.record] or schema
    local parts = {}
    for i, field in ipairs(fields) do
      local name, width, how, detail = field[1], field[2], field[3] or "text", field[4]
      if not write[how] then error("record: field " .. name .. " is of unknown kind '" .. tostring(how) .. "'", 2) end
      local done, value = pcall(write[how], row[name], width, detail)
      if not done then error("record " .. number .. ", field " .. name .. ": " .. tostring(value), 2) end
      parts[i] = value
    end
    lines[#lines + 1] = table.concat(parts) .. (line_end or "\r\n")
  end
  return table.concat(lines)
end

return M
