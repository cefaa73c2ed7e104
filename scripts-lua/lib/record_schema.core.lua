-- record_schema.core: reads the text of a record schema (lib/record.lua) into a table: what it says of the file, and the
-- fields as a tree.
--
-- {format, charset, line, separator, header, select = {from, to}, single, root, document = {type, version},
--  records = {{name, when, fields}, …} or fields = {field, …}}
-- field: {name, kind, place, details = {…}, need, fields, line}

local M = {}

local formats = {fixed = true, csv = true, json = true, xml = true, edi = true}
local kinds = {
  text = true, number = true, decimal = true, date = true, flag = true, const = true, list = true, group = true,
}
local fixed_kinds = {zoned = true, packed = true, binary = true}

local function fail(line, words)
  error("record schema, line " .. line .. ": " .. words, 0)
end

-- The words of a line; "…" holds blanks, # starts a comment.
local function split(text, number)
  local words, at = {}, 1
  while true do
    at = text:find("%S", at)
    if not at or text:sub(at, at) == "#" then return words end
    if text:sub(at, at) == '"' then
      local close = text:find('"', at + 1, true)
      if not close then fail(number, "a quote is opened and never closed") end
      words[#words + 1] = text:sub(at + 1, close - 1)
      at = close + 1
    else
      local word = text:match("^%S+", at)
      words[#words + 1] = word
      at = at + #word
    end
  end
end

local headers = {
  format = function(schema, words, line)
    if not formats[words[1] or ""] then fail(line, "the format is fixed, csv, json, xml or edi") end
    schema.format = words[1]
    if words[1] == "edi" then
      if not words[3] then fail(line, "format: edi TYPE VERSION, as in: format: edi 850 004010") end
      schema.document = {type = words[2], version = words[3]}
    end
  end,
  charset = function(schema, words) schema.charset = words[1] end,
  line = function(schema, words, line)
    local ends = {crlf = "\r\n", lf = "\n", none = ""}
    schema.line = ends[words[1] or ""] or fail(line, "line: is crlf, lf or none")
  end,
  separator = function(schema, words) schema.separator = words[1] end,
  header = function(schema, words) schema.header = words[1] ~= "no" end,
  single = function(schema, words) schema.single = words[1] == "yes" end,
  root = function(schema, words) schema.root = words[1] end,
  select = function(schema, words, line)
    local from, to = (words[1] or ""):match("^(%d+)%-(%d+)$")
    if not from then fail(line, "select: is a range of bytes such as 1-2") end
    schema.select = {tonumber(from), tonumber(to)}
  end,
}

local function read_field(schema, words, line)
  local field = {name = words[1], kind = words[2], details = {}, line = line}
  if not field.kind then fail(line, "a field is NAME KIND PLACE") end
  local known = kinds[field.kind] or (schema.format == "fixed" and fixed_kinds[field.kind])
  if not known then fail(line, "'" .. field.kind .. "' is no kind of field") end
  local last = #words
  if words[last] == "!" then
    field.need = true
    last = last - 1
  end
  field.place = words[3] ~= "!" and words[3] or nil
  for i = 4, last do field.details[#field.details + 1] = words[i] end
  if field.kind == "list" or field.kind == "group" then field.fields = {} end
  return field
end

-- What a place must look like: a mistake is told with its line, not when the first message comes.
local function check_place(schema, field)
  local place = field.place
  if schema.format == "fixed" then
    if field.kind == "list" then
      if not place then fail(field.line, "a list says how often: a number, or the field that holds it") end
    elseif field.kind ~= "group" then
      field.width = math.tointeger(tonumber(place)) or fail(field.line, "'" .. tostring(place) .. "' is not a width")
      if field.width < 1 or field.width > 65536 then fail(field.line, "a width is 1 to 65536") end
    end
  elseif schema.format == "edi" then
    if not place then fail(field.line, "a place such as BEG03, REF[DP]02 or PO106:VP is missing") end
    if field.fields then
      field.tag, field.qualifier = place:match("^(%u%w%w?)%[(.-)%]$")
      if not field.tag then field.tag = place:match("^%u%w%w?$") end
      if not field.tag then fail(field.line, "'" .. place .. "' is no segment that starts a loop, such as PO1 or N1[ST]") end
    else
      local tag, qualifier, rest = place:match("^(%u%w%w?)%[(.-)%](.+)$")
      if not tag then tag, rest = place:match("^(%u%w%w?)(%d%d.*)$") end
      local element, component, beside = (rest or ""):match("^(%d%d)%.?(%d*):?(.*)$")
      if not element then fail(field.line, "'" .. place .. "' is no place such as BEG03, REF[DP]02, DTM01.2 or PO106:VP") end
      field.tag, field.qualifier, field.element = tag, qualifier, tonumber(element)
      field.component = tonumber(component)
      if beside ~= "" then field.beside = beside end
    end
  else
    field.place = place or field.name
  end
  if field.kind == "const" and not field.details[1] then fail(field.line, "a const says its value behind the place") end
end

function M.parse(text)
  local schema = {charset = "utf-8"}
  local levels = {}
  local number = 0
  for raw in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local words = split(raw, number)
    local indent = #raw:match("^%s*")
    local key, rest = raw:match("^(%l+):%s*(.*)$")
    if key and not headers[key] then fail(number, "'" .. key .. ":' says nothing that is known") end
    if #words == 0 then
      goto continue
    elseif key then
      headers[key](schema, split(rest, number), number)
    elseif not schema.format then
      fail(number, "the first line says the format, as in: format: fixed")
    elseif words[1] == "record" and indent == 0 and schema.format == "fixed" and schema.select then
      if not words[3] then fail(number, "record NAME WHEN: the text in the bytes that select: names") end
      local record = {name = words[2], when = words[3], fields = {}}
      schema.records = schema.records or {}
      schema.records[#schema.records + 1] = record
      levels = {{indent = 1, fields = record.fields}}
    else
      if not levels[1] then
        schema.fields = {}
        levels = {{indent = indent, fields = schema.fields}}
      end
      while #levels > 1 and indent < levels[#levels].indent do levels[#levels] = nil end
      local field = read_field(schema, words, number)
      check_place(schema, field)
      local fields = levels[#levels].fields
      fields[#fields + 1] = field
      if field.fields then levels[#levels + 1] = {indent = indent + 1, fields = field.fields} end
    end
    ::continue::
  end
  if not schema.format then fail(number, "it is empty") end
  if schema.select and not schema.records then fail(number, "select: stands there without any record") end
  if not schema.select and not schema.fields then fail(number, "it has no fields") end
  return schema
end

return M
