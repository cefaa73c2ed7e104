-- record_fixed.core: records of fixed width in any character set, with the number forms of COBOL: zoned, packed, binary.
--
-- A field is {name, kind, width (bytes), scale, signed, separate, leading, little, details, need, fields, place,
-- redefines}; the schema comes from record_schema.core or copybook.core. Bytes count, not characters: that is how old
-- systems count.

local charset = require "charset.core"
local decimal = require "decimal"
local values = require "record_value.core"

local M = {}

local LIST_MAX = 100000

-- ---- numbers: raw bytes to a text of digits and back ----

-- Digits behind the point, from a text of digits with a sign.
local function scaled(digits, scale)
  local value = decimal(digits)
  if scale == 0 then return value:scale() == 0 and math.tointeger(tonumber(digits)) or value end
  return value:divide(decimal("1" .. ("0"):rep(scale)), scale)
end

-- The other way: a whole text of digits without sign, and whether it is negative; nil and why.
local function unscaled(value, scale)
  local exact, why = values.exact(value)
  if not exact then return nil, why end
  local whole = (exact * decimal("1" .. ("0"):rep(scale)))
  if whole ~= whole:round(0) then return nil, tostring(exact) .. " has more than " .. scale .. " digits behind the point" end
  whole = whole:round(0)
  return tostring(whole:abs()), whole:sign() < 0
end

-- The sign over the last digit, in ASCII: { A-I } J-R, and p-y of compilers on small machines.
local overpunched = {["{"] = "+0", ["}"] = "-0"}
for i = 1, 9 do
  overpunched[("ABCDEFGHI"):sub(i, i)] = "+" .. i
  overpunched[("JKLMNOPQR"):sub(i, i)] = "-" .. i
end
for i = 0, 9 do overpunched[string.char(0x70 + i)] = "-" .. i end

local function is_ebcdic(name)
  return name:find("^ibm0?%d+$") ~= nil and name ~= "ibm437" and name ~= "ibm850" or name:lower() == "ebcdic"
end

-- One byte with its sign: "+5", "-5" or "5".
local function signed_digit(byte, name)
  if is_ebcdic(name) then
    local zone, digit = byte:byte() // 16, byte:byte() % 16
    if digit > 9 then return nil end
    return (zone == 0xD or zone == 0xB) and "-" .. digit or (zone >= 0xA) and "+" .. digit or nil
  end
  return overpunched[byte] or byte:match("^%d$")
end

local read = {}

function read.zoned(raw, field, name)
  local sign, digits = "", nil
  if field.separate then
    local text = charset.decode(raw, name)
    sign, digits = text:match(field.leading and "^([+-])(%d+)$" or "^(%d+)([+-])$")
    if sign and not field.leading then sign, digits = digits, sign end
  else
    local last = field.leading and raw:sub(1, 1) or raw:sub(-1)
    local signed = signed_digit(last, name)
    local others = charset.decode(field.leading and raw:sub(2) or raw:sub(1, -2), name)
    if signed and others:find("^%d*$") then
      sign = signed:sub(1, -2)
      digits = field.leading and signed:sub(-1) .. others or others .. signed:sub(-1)
    end
  end
  if not digits then
    if charset.decode(raw, name):find("^[%s\0]*$") then return nil end
    return nil, "is not a zoned number"
  end
  return scaled((sign == "-" and "-" or "") .. digits, field.scale)
end

function read.packed(raw, field)
  local nibbles = raw:gsub(".", function(byte) return ("%02X"):format(byte:byte()) end)
  local digits, sign = nibbles:match("^(%d+)([A-F])$")
  if not digits then return nil, "is not a packed number (0x" .. nibbles:sub(1, 40) .. ")" end
  return scaled(((sign == "D" or sign == "B") and "-" or "") .. digits, field.scale)
end

function read.binary(raw, field)
  local format = (field.little and "<" or ">") .. (field.signed and "i" or "I") .. #raw
  local value = string.unpack(format, raw)
  if not field.signed and value < 0 then -- Lua's integers end at 63 bits
    return scaled(tostring(decimal(value) + decimal("18446744073709551616")), field.scale)
  end
  return scaled(tostring(value), field.scale)
end

local write = {}

local function fit(digits, width)
  if #digits > width then return nil, "has more than " .. width .. " digits" end
  return ("0"):rep(width - #digits) .. digits
end

function write.zoned(value, field, name)
  local digits, negative = unscaled(value, field.scale)
  if not digits then return nil, negative end
  if negative and not field.signed then return nil, "is negative, the field has no sign" end
  local room = field.width - (field.separate and 1 or 0)
  local text, why = fit(digits, room)
  if not text then return nil, why end
  if field.separate then
    local sign = negative and "-" or "+"
    return charset.encode(field.leading and sign .. text or text .. sign, name)
  end
  local at = field.leading and 1 or #text
  local digit = math.tointeger(tonumber(text:sub(at, at)))
  local punched
  if not field.signed then
    punched = charset.encode(tostring(digit), name)
  elseif is_ebcdic(name) then
    punched = string.char((negative and 0xD0 or 0xC0) + digit)
  else
    punched = (negative and "}JKLMNOPQR" or "{ABCDEFGHI"):sub(digit + 1, digit + 1)
  end
  return charset.encode(text:sub(1, at - 1), name) .. punched .. charset.encode(text:sub(at + 1), name)
end

function write.packed(value, field)
  local digits, negative = unscaled(value, field.scale)
  if not digits then return nil, negative end
  if negative and not field.signed then return nil, "is negative, the field has no sign" end
  local text, why = fit(digits, field.width * 2 - 1)
  if not text then return nil, why end
  text = text .. (not field.signed and "F" or negative and "D" or "C")
  return (text:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

function write.binary(value, field)
  local digits, negative = unscaled(value, field.scale)
  if not digits then return nil, negative end
  if negative and not field.signed then return nil, "is negative, the field has no sign" end
  local whole = math.tointeger(tonumber((negative and "-" or "") .. digits))
  local bits = field.width * 8
  local fits = whole and (bits == 64 or (field.signed and whole >= -(1 << (bits - 1)) and whole < (1 << (bits - 1)))
    or (not field.signed and whole >= 0 and whole < (1 << bits)))
  if not fits then return nil, "does not fit into " .. field.width .. " bytes" end
  return string.pack((field.little and "<" or ">") .. (field.signed and "i" or "I") .. field.width, whole)
end

-- ---- single fields ----

local function read_value(raw, field, name)
  local special = read[field.kind]
  if special then return special(raw, field, name) end
  local text = charset.decode(raw, name)
  if field.kind == "const" then
    if text ~= field.details[1] then return nil, "is '" .. text .. "', not '" .. field.details[1] .. "'" end
    return nil
  elseif field.kind == "decimal" and not text:find(".", 1, true) then
    local value, why = values.read("number", text, {})
    if value == nil then return nil, why end
    return scaled(tostring(value), field.scale)
  end
  return values.read(field.kind, text, field.details)
end

local function write_value(value, field, name)
  if field.kind == "const" then value = field.details[1] end
  if value == nil and (field.kind == "packed" or field.kind == "binary" or field.kind == "zoned") then value = 0 end
  local special = write[field.kind]
  if special then return special(value, field, name) end
  local text, why
  local numeric = (field.kind == "number" or field.kind == "decimal") and value ~= nil
  if numeric then
    local negative
    text, negative = unscaled(value, field.kind == "decimal" and field.scale or 0)
    if not text then return nil, negative end
    text, why = fit(text, field.width - (negative and 1 or 0))
    if text and negative then text = "-" .. text end
  else
    text, why = values.write(field.kind == "const" and "text" or field.kind, value, field.details)
  end
  if not text then return nil, why end
  local done, bytes = pcall(charset.encode, text, name)
  if not done then return nil, (bytes:gsub("^.-:%d+: ", "")) end
  if #bytes > field.width then return nil, "'" .. text .. "' has more than " .. field.width .. " bytes" end
  return bytes .. charset.encode(" ", name):rep(field.width - #bytes)
end

-- ---- trees of fields ----

local function scale_of(field)
  if not field.scale then
    field.scale = math.tointeger(tonumber(field.details[1])) or (field.kind == "decimal" and 2 or 0)
    for _, word in ipairs(field.details) do
      if word == "signed" or word == "separate" or word == "leading" or word == "little" then field[word] = true end
    end
    if field.kind == "packed" or field.kind == "zoned" or field.kind == "binary" then
      local unsigned = field.details[1] == "unsigned" or field.details[2] == "unsigned"
      if field.signed == nil then field.signed = not unsigned end
    end
  end
end

local function count_of(field, scope, fail)
  local count = math.tointeger(tonumber(field.place))
  if count then return count end
  for i = #scope, 1, -1 do
    if scope[i][field.place] ~= nil then
      count = math.tointeger(tonumber(tostring(scope[i][field.place])))
      break
    end
  end
  if not count or count < 0 or count > LIST_MAX then
    fail(field, 0, "its count " .. field.place .. " is " .. tostring(count))
  end
  return count
end

local decode_fields

local function decode_field(state, field, into, path)
  if field.fields and field.kind == "list" then
    local list = {}
    for i = 1, count_of(field, state.scope, state.fail) do
      local item = {}
      state.scope[#state.scope + 1] = item
      decode_fields(state, field.fields, item, path .. "/" .. field.name .. "/" .. i)
      state.scope[#state.scope] = nil
      list[i] = field.single and item[field.fields[1].name] or item
    end
    into[field.name] = list
  elseif field.fields then
    local group = {}
    state.scope[#state.scope + 1] = group
    decode_fields(state, field.fields, group, path .. "/" .. field.name)
    state.scope[#state.scope] = nil
    if field.name ~= "-" then into[field.name] = group end
  else
    scale_of(field)
    local raw = state.bytes:sub(state.at, state.at + field.width - 1)
    if #raw < field.width then
      state.fail(field, state.at, "the record ends after " .. #state.bytes .. " bytes", path)
    end
    if field.name ~= "-" or field.kind == "const" then
      local done, value, why = pcall(read_value, raw, field, state.charset)
      if not done then value, why = nil, (tostring(value):gsub("^.-:%d+: ", "")) end
      if why then state.fail(field, state.at, why, path) end
      if value == nil and field.need then state.fail(field, state.at, "is missing", path) end
      if field.name ~= "-" then into[field.name] = value end
    end
    state.at = state.at + field.width
  end
end

-- A field that redefines another begins where that one began; what cannot be read that way is left out.
local function decode_redefinition(state, field, into, path, starts)
  local after = state.at
  state.at = starts[field.redefines]
  local tried = setmetatable({fail = function() error("does not fit", 0) end}, {__index = state, __newindex = state})
  local here = {}
  local depth = #state.scope
  if pcall(decode_field, tried, field, here, path) then into[field.name] = here[field.name] end
  while #state.scope > depth do state.scope[#state.scope] = nil end
  state.at = math.max(after, state.at)
end

function decode_fields(state, fields, into, path)
  local starts = {}
  for _, field in ipairs(fields) do
    if field.redefines then
      decode_redefinition(state, field, into, path, starts)
    else
      starts[field.name] = state.at
      decode_field(state, field, into, path)
    end
  end
end

-- The width of fields that no count in the data decides; nil when one does.
local function width_of(fields)
  local total = 0
  for _, field in ipairs(fields) do
    local width = field.fields and width_of(field.fields) or field.width
    if field.kind == "list" then
      local count = math.tointeger(tonumber(field.place))
      width = count and width and count * width
    end
    if not width then return nil end
    if not field.redefines then total = total + width end
  end
  return total
end

M.width_of = width_of

local function fields_for(schema, bytes, fail)
  if not schema.records then return schema.fields end
  local raw = bytes:sub(schema.select[1], schema.select[2])
  local kind = charset.decode(raw, schema.charset)
  for _, record in ipairs(schema.records) do
    if record.when == kind then return record.fields, record.name end
  end
  fail(nil, schema.select[1], "no record is known for '" .. kind .. "'", "")
end

-- The records of a text: cut at line ends, or one behind the other where the schema says line: none.
local function next_record(schema, bytes, at)
  if schema.line == "" then return bytes:sub(at), nil end
  local newline = schema.charset and is_ebcdic(schema.charset) and "\x25" or "\n"
  local stop = bytes:find(newline, at, true)
  local line = bytes:sub(at, (stop or #bytes + 1) - 1)
  return line:gsub("\r$", ""), (stop or #bytes) + 1
end

-- fail(words, where) is called with the first fault and does not return.
function M.decode(schema, bytes, fail_with)
  local rows, at, number = {}, 1, 0
  -- The mark that editors write before UTF-8 is no data; packed numbers may begin with the same bytes.
  local plain = schema.line ~= "" and not (schema.charset and is_ebcdic(schema.charset))
  if plain and bytes:sub(1, 3) == "\xEF\xBB\xBF" then at = 4 end
  while at <= #bytes do
    local record, after = next_record(schema, bytes, at)
    number = number + 1
    local function fail(field, position, words, path)
      local where = "record " .. number
      local name = field and (path or "") .. "/" .. field.name or ""
      fail_with(where .. (name ~= "" and ", " .. name or "") .. (position > 0 and " (byte " .. position .. ")" or "") ..
        ": " .. words, name ~= "" and name or where)
    end
    if record ~= "" or schema.line == "" then
      local fields, kind = fields_for(schema, record, fail)
      local row = {record = kind}
      local state = {bytes = record, at = 1, charset = schema.charset, scope = {row}, fail = fail}
      decode_fields(state, fields, row, "")
      if schema.line ~= "" and state.at <= #record and not record:sub(state.at):find("^[%s\0\x40]*$") then
        fail(nil, state.at, "has " .. #record .. " bytes, " .. state.at - 1 .. " are described", "")
      end
      if state.at == 1 then fail(nil, 1, "the schema describes no bytes", "") end
      rows[#rows + 1] = row
      after = after or at + state.at - 1
    end
    at = after
  end
  return rows
end

local encode_fields

local function encode_field(state, field, value, path)
  if field.fields and field.kind == "list" then
    local list = value or {}
    local count = math.tointeger(tonumber(field.place)) or #list
    if #list > count then state.fail(path, "has more than " .. count .. " entries") end
    if field.most and count > field.most then state.fail(path, "has more than " .. field.most .. " entries") end
    for i = 1, count do
      local item = list[i]
      if field.single then item = {[field.fields[1].name] = item} end
      encode_fields(state, field.fields, item or {}, path .. "/" .. i)
    end
  elseif field.fields then
    if value ~= nil and type(value) ~= "table" then state.fail(path, "is a " .. type(value) .. ", not a group") end
    encode_fields(state, field.fields, value or {}, path)
  else
    scale_of(field)
    if value == nil and field.need then state.fail(path, "is missing") end
    local bytes, why = write_value(value, field, state.charset)
    if not bytes then state.fail(path, why) end
    state.out[#state.out + 1] = bytes
  end
end

-- Of fields that share their bytes the first that has a value is written, filled up to the widest.
local function encode_shared(state, shared, row, path)
  local chosen, widest = shared[1], 0
  for i = #shared, 1, -1 do
    if row[shared[i].name] ~= nil then chosen = shared[i] end
    widest = math.max(widest, width_of({{kind = "group", fields = {shared[i].redefines and
      setmetatable({redefines = false}, {__index = shared[i]}) or shared[i]}}}) or 0)
  end
  local from = #state.out
  encode_field(state, chosen, row[chosen.name], path .. "/" .. chosen.name)
  local written = #table.concat(state.out, "", from + 1)
  if written < widest then
    state.out[#state.out + 1] = charset.encode(" ", state.charset):rep(widest - written)
  end
end

function encode_fields(state, fields, row, path)
  local i = 1
  while i <= #fields do
    local shared = {fields[i]}
    while fields[i + 1] and fields[i + 1].redefines do
      i = i + 1
      shared[#shared + 1] = fields[i]
    end
    if #shared > 1 then
      encode_shared(state, shared, row, path)
    else
      local field = fields[i]
      local value = row[field.name]
      for _, list in ipairs(fields) do -- a count that is not given is that of its list
        if value == nil and list.kind == "list" and list.place == field.name then value = #(row[list.name] or {}) end
      end
      encode_field(state, field, value, path .. "/" .. field.name)
    end
    i = i + 1
  end
end

function M.encode(schema, rows)
  local out = {}
  for number, row in ipairs(rows) do
    local fields, when = schema.fields, nil
    for _, record in ipairs(schema.records or {}) do
      if record.name == row.record then fields, when = record.fields, record.when end
    end
    if not fields then error("record " .. number .. ": there is no record '" .. tostring(row.record) .. "'", 0) end
    local state = {out = {}, charset = schema.charset}
    function state.fail(path, words) error("record " .. number .. ", " .. path .. ": " .. words, 0) end
    encode_fields(state, fields, row, "")
    local bytes = table.concat(state.out)
    if when then -- what tells the records apart needs no field
      local from, to = schema.select[1], schema.select[2]
      local mark = charset.encode(when, schema.charset)
      mark = mark .. charset.encode(" ", schema.charset):rep(to - from + 1 - #mark)
      bytes = bytes:sub(1, from - 1) .. mark .. bytes:sub(to + 1)
    end
    out[#out + 1] = bytes
    local line = schema.line or "\r\n"
    if line ~= "" then out[#out + 1] = is_ebcdic(schema.charset) and "\x25" or line end
  end
  return table.concat(out)
end

return M
