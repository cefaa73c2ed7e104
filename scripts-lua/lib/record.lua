-- record: files of fixed-width records, described by a small schema.
--
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

local date = require "date"
local decimal = require "decimal"
local text = require "text"

local M = {}

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
  if type(schema) ~= "table" then error("record: the schema is a " .. type(schema) .. ", not a table", 2) end
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
