-- copybook.core: reads a COBOL copybook into the fields of record_fixed.core.
--
-- What is known: levels 01 to 49 and 77, PIC X A 9 S V (and edited pictures, as text), USAGE DISPLAY, COMP-3 and
-- PACKED-DECIMAL, COMP, COMP-4, BINARY and COMP-5 (big-endian), SIGN LEADING/TRAILING SEPARATE, OCCURS … TIMES and
-- DEPENDING ON, REDEFINES, FILLER; 88 levels, VALUE and JUSTIFIED say nothing of the layout. What would move bytes
-- and is not known (SYNCHRONIZED, COMP-1, COMP-2, POINTER, INDEX, 66, PIC P) is refused with its line.

local M = {}

local function fail(line, words)
  error("copybook, line " .. line .. ": " .. words, 0)
end

-- In the fixed form columns 1 to 6 are numbers or blank, column 7 is blank, a comment's * or a hyphen, and what is
-- behind column 72 is not COBOL. All lines must be so; else the text is free.
local function is_fixed(lines)
  for _, line in ipairs(lines) do
    if line:find("%S") and not line:find("^%d%d%d%d%d%d[%s*/-]") and not line:find("^      [%s*/-]") then return false end
  end
  return true
end

-- The next word from `at` on, quotes kept together, and where it ends.
local function next_word(line, at)
  local from = line:find("%S", at)
  if not from then return nil end
  local quote = line:match("^['\"]", from)
  if quote then
    local close = line:find(quote, from + 1, true) or #line
    local point = line:match("^%.", close + 1) or ""
    return line:sub(from, close) .. point, close + 1 + #point
  end
  local word = line:match("^%S+", from)
  return word, from + #word
end

-- Statements end with a point and a blank.
local function statements(text)
  local lines, list, words, from = {}, {}, {}, nil
  for raw in (text .. "\n"):gmatch("(.-)\r?\n") do lines[#lines + 1] = (raw:gsub("\t", "        ")) end
  local fixed = is_fixed(lines)
  for number, line in ipairs(lines) do
    if fixed and line:find("^......[*/]") then
      line = ""
    elseif fixed then
      line = line:sub(8, 72)
    elseif line:find("^%s*%*") then
      line = ""
    end
    local word, at = next_word(line, 1)
    while word do
      from = from or number
      local last = word:match("^(.-)%.$")
      if last then
        if last ~= "" then words[#words + 1] = last end
        if #words > 0 then list[#list + 1] = {words = words, line = from} end
        words, from = {}, nil
      else
        words[#words + 1] = word
      end
      word, at = next_word(line, at)
    end
  end
  if #words > 0 then list[#list + 1] = {words = words, line = from} end
  return list
end

-- "S9(5)V99" → its symbols one by one: "S99999V99"
local function expand(picture, line)
  local out = picture:gsub("(.)%((%d+)%)", function(symbol, count)
    local times = tonumber(count)
    if times < 1 or times > 32767 then fail(line, "PIC " .. picture .. " repeats " .. count .. " times") end
    return symbol:rep(times)
  end)
  if out:find("[%(%)]") then fail(line, "PIC " .. picture .. " is not a picture") end
  return out
end

local function picture_of(field, picture, line)
  local symbols = expand(picture:upper(), line)
  if symbols:find("P") then fail(line, "PIC " .. picture .. ": scaling by P is not supported") end
  if symbols:find("^S?9*V?9*$") and symbols:find("9") then
    local whole, fraction = symbols:match("^S?(9*)V?(9*)$")
    field.kind = "zoned"
    field.digits, field.scale = #whole + #fraction, #fraction
    field.signed = symbols:sub(1, 1) == "S"
    field.width = field.digits
    if field.digits > 31 then fail(line, "PIC " .. picture .. " has more than 31 digits") end
  else
    field.kind = "text" -- also edited pictures: ZZ,ZZ9.99- is what people read
    field.width = #(symbols:gsub("V", ""))
  end
end

local usages = {
  ["COMP-3"] = "packed", ["COMPUTATIONAL-3"] = "packed", ["PACKED-DECIMAL"] = "packed",
  COMP = "binary", COMPUTATIONAL = "binary", ["COMP-4"] = "binary", ["COMPUTATIONAL-4"] = "binary", BINARY = "binary",
  ["COMP-5"] = "binary", ["COMPUTATIONAL-5"] = "binary", DISPLAY = "display",
}
local refused = {
  SYNC = true, SYNCHRONIZED = true, ["COMP-1"] = true, ["COMP-2"] = true, POINTER = true, INDEX = true, ["COMP-6"] = true,
  ["COMPUTATIONAL-1"] = true, ["COMPUTATIONAL-2"] = true, NATIONAL = true, ["DISPLAY-1"] = true,
}

local function name_of(word)
  return (word:lower():gsub("-", "_"))
end

-- The clauses of one statement, from its second or third word on.
local function read_clauses(field, words, at, line)
  while words[at] do
    local word = words[at]:upper()
    local function following()
      at = at + 1
      if words[at] and words[at]:upper() == "IS" then at = at + 1 end
      return words[at] or fail(line, word .. " is followed by nothing")
    end
    if word == "PIC" or word == "PICTURE" then
      picture_of(field, following(), line)
    elseif usages[word] then
      field.usage = usages[word]
    elseif refused[word] then
      fail(line, word .. " is not supported")
    elseif word == "REDEFINES" then
      field.redefines = name_of(following())
    elseif word == "OCCURS" then
      field.occurs = tonumber(following()) or fail(line, "OCCURS is not followed by a number")
      if (words[at + 1] or ""):upper() == "TO" then
        at = at + 2
        field.most = tonumber(words[at] or "") or fail(line, "TO is not followed by a number")
      end
    elseif word == "DEPENDING" then
      local name = following()
      field.depending = name_of(name:upper() == "ON" and following() or name)
    elseif word == "LEADING" then
      field.leading = true
    elseif word == "SEPARATE" then
      field.separate = true
    elseif word == "VALUE" or word == "VALUES" then
      return -- what follows is text of any kind
    end -- TIMES, USAGE, IS, SIGN, CHARACTER, TRAILING, JUSTIFIED, BLANK WHEN ZERO, INDEXED BY name: no bytes
    at = at + 1
  end
end

local function finish(field, line)
  if field.fields and #field.fields > 0 then
    if field.kind then fail(line, field.name .. " has a picture and fields below it") end
    field.kind = "group"
  elseif not field.kind then
    fail(line, field.name .. " has no picture")
  else
    field.fields = nil
    if field.usage == "packed" or field.usage == "binary" then
      if field.kind ~= "zoned" then fail(line, field.name .. " has no numeric picture") end
      field.kind = field.usage
      field.width = field.usage == "packed" and (field.digits + 2) // 2
        or field.digits <= 4 and 2 or field.digits <= 9 and 4 or field.digits <= 18 and 8
        or fail(line, field.name .. ": binary numbers have 18 digits at most")
    elseif field.kind == "zoned" and field.separate then
      field.width = field.width + 1
    end
  end
  field.details = {}
  if not field.occurs then return field end
  local item = field
  local list = {
    name = field.name, kind = "list", place = field.depending or tostring(field.most or field.occurs), details = {},
    redefines = field.redefines, line = line, most = field.most,
  }
  item.redefines = nil
  if item.kind == "group" then
    list.fields = item.fields
  else
    list.fields, list.single = {item}, true
  end
  return list
end

-- USAGE of a group is that of all fields in it.
local function inherit(field, usage)
  field.usage = field.usage or usage
  for _, below in ipairs(field.fields or {}) do inherit(below, field.usage) end
end

local function finish_all(field)
  for i, below in ipairs(field.fields or {}) do
    finish_all(below)
    field.fields[i] = finish(below, below.line)
  end
end

-- The fields of the record: what is below its 01 level, or all when there is none.
function M.parse(text)
  local root = {level = 0, fields = {}, name = "record"}
  local open = {root}
  for _, statement in ipairs(statements(text)) do
    local words, line = statement.words, statement.line
    local level = tonumber(words[1])
    if not level then fail(line, "'" .. words[1] .. "' is not a level number") end
    if level == 66 then fail(line, "level 66 (RENAMES) is not supported") end
    if level ~= 88 then
      if level == 77 then level = 1 end
      if level < 1 or level > 49 then fail(line, "there is no level " .. words[1]) end
      while open[#open].level >= level do open[#open] = nil end
      local field = {level = level, name = "-", fields = {}, line = line}
      local at = 2
      local word = (words[2] or ""):upper()
      if word == "FILLER" then
        at = 3
      elseif word ~= "" and word ~= "PIC" and word ~= "PICTURE" and word ~= "REDEFINES" and word ~= "OCCURS" then
        field.name, at = name_of(words[2]), 3
      end
      read_clauses(field, words, at, line)
      local parent = open[#open]
      if field.redefines then
        local found = false
        for _, before in ipairs(parent.fields) do found = found or before.name == field.redefines end
        if not found then fail(line, "it redefines " .. field.redefines .. ", which is not beside it") end
      end
      parent.fields[#parent.fields + 1] = field
      open[#open + 1] = field
    end
  end
  if #root.fields == 0 then error("copybook: there is no field in it", 0) end
  for _, field in ipairs(root.fields) do inherit(field) end
  finish_all(root)
  local only = root.fields[1]
  if #root.fields == 1 and only.kind == "group" then return only.fields, only.name end
  return root.fields, "record"
end

return M
