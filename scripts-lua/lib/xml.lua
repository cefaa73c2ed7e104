-- xml: elements as tables, found by short paths.
--
--   local order = message.xml                          -- or xml.decode(text)
--   order.name, order.attributes.id, order.text, order.children
--   order:find("lines/line[2]/price")                  -- the first element there, or nil
--   order:all("lines/line[@status='open']")            -- a list of all
--   order:value("buyer/name"), order:value("line/@id") -- a text, or nil
--   xml.encode(element)                                -- text; also what a result's `xml` takes
--   xml.query(order, "sum(//line/@quantity)")          -- XPath 1.0 on a text or element; {ns = "urn:x"} names prefixes
--   xml.validate(order, xsd)                           -- the faults by an XML Schema, {{line, text}, …}; empty: valid
--   xml.check(order, xsd)                              -- rejects the message with the first of them
--
-- A step is a name ("price" also finds "ns:price"; "ns:price" only itself), "*", or ".."-free "//name" for any depth.
-- Behind it may stand [3], [@id], [@id='7'] or [name='value'].

local core = require "xml.core"

local M = {}
local element = {}
local element_meta = {__index = element, __name = "element", __metatable = "element"}

local function is_element(value)
  return type(value) == "table" and type(value.name) == "string"
end

local function name_matches(node, wanted)
  if wanted == "*" or node.name == wanted then return true end
  return not wanted:find(":", 1, true) and node.name:match(":([^:]+)$") == wanted
end

-- "line[@id='7']" → "line", "@id='7'"
local function parse_step(step)
  local name, condition = step:match("^([^%[%]]+)%[(.-)%]$")
  if not name then
    name = step:match("^[^%[%]]+$")
    if not name then error("xml: '" .. step .. "' is not a step of a path", 4) end
  end
  return name, condition
end

local function text_of(node)
  return (node.text:gsub("^%s+", ""):gsub("%s+$", ""))
end

local function holds(node, condition)
  local key, value = condition:match("^(.-)%s*=%s*['\"](.-)['\"]$")
  key = key or condition
  local attribute = key:match("^@(.+)$")
  if attribute then
    local found = node.attributes and node.attributes[attribute]
    return found ~= nil and (value == nil or found == value)
  end
  for _, child in ipairs(node.children or {}) do
    if name_matches(child, key) and (value == nil or text_of(child) == value) then return true end
  end
  return false
end

local function add_below(node, name, deep, into)
  for _, child in ipairs(node.children or {}) do
    if name_matches(child, name) then into[#into + 1] = child end
    if deep then add_below(child, name, deep, into) end
  end
end

local function walk(nodes, step, deep)
  local name, condition = parse_step(step)
  local position = condition and tonumber(condition)
  local found = {}
  for _, node in ipairs(nodes) do
    local here = {}
    add_below(node, name, deep, here)
    if position then
      found[#found + 1] = here[position]
    else
      for _, candidate in ipairs(here) do
        if not condition or holds(candidate, condition) then found[#found + 1] = candidate end
      end
    end
  end
  return found
end

function element:all(path)
  local nodes, rest, deep = {self}, path, false
  while rest ~= "" do
    if rest:sub(1, 2) == "//" then
      deep, rest = true, rest:sub(3)
    elseif rest:sub(1, 1) == "/" then
      rest = rest:sub(2)
    end
    local step = rest:match("^[^/%[]+%[.-%]") or rest:match("^[^/]+")
    if not step then error("xml: the path '" .. path .. "' has an empty step", 2) end
    nodes = walk(nodes, step, deep)
    deep, rest = false, rest:sub(#step + 1)
  end
  return nodes
end

function element:find(path)
  return self:all(path)[1]
end

-- The text without the blanks around it, or the attribute behind a last "@name".
function element:value(path)
  local before, attribute = path:match("^(.-)/?@([^/%]]+)$")
  if attribute then
    local node = before == "" and self or self:find(before)
    return node and node.attributes[attribute]
  end
  local node = path == "." and self or self:find(path)
  return node and text_of(node)
end

core.methods(element_meta)

function M.decode(text, reject)
  return core.decode(text, reject)
end

local function text_for(value)
  return type(value) == "table" and M.encode(value) or value
end

-- What an XPath 1.0 expression gives: a list of elements and texts, or a number, a text, true or false.
function M.query(text, path, namespaces)
  return core.query(text_for(text), path, namespaces)
end

function M.validate(text, schema)
  return core.validate(text_for(text), text_for(schema))
end

function M.check(text, schema)
  local fault = M.validate(text, schema)[1]
  if fault then reject(fault.text, {where = "line " .. fault.line, code = "invalid"}) end
end

local function sorted_names(attributes)
  local names = {}
  for name in pairs(attributes or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function check_name(name)
  if type(name) ~= "string" or not name:find("^[%a_\x80-\xFF][%w_.:\x80-\xFF-]*$") then
    error("xml: '" .. tostring(name) .. "' is not the name of an element or attribute", 0)
  end
  return name
end

local function add(node, out, depth)
  if depth > 100 then error("xml: nested deeper than 100 levels; does an element contain itself?", 0) end
  if not is_element(node) then error("xml: an element is a table with a name, this is a " .. type(node), 0) end
  out[#out + 1] = "<" .. check_name(node.name)
  for _, name in ipairs(sorted_names(node.attributes)) do
    out[#out + 1] = ' ' .. check_name(name) .. '="' .. core.escape(tostring(node.attributes[name]), true) .. '"'
  end
  local children = node.children or {}
  local text = node.text ~= nil and tostring(node.text) or ""
  if #children > 0 and text:find("^%s*$") then text = "" end
  if #children == 0 and text == "" then
    out[#out + 1] = "/>"
    return
  end
  out[#out + 1] = ">" .. core.escape(text)
  for _, child in ipairs(children) do add(child, out, depth + 1) end
  out[#out + 1] = "</" .. node.name .. ">"
end

function M.encode(node)
  local out = {'<?xml version="1.0" encoding="UTF-8"?>\n'}
  add(node, out, 1)
  out[#out + 1] = "\n"
  return table.concat(out)
end

-- xml.element("price", {currency = "USD"}, "19.90") or with a list of elements instead of the text.
function M.element(name, attributes, content)
  local node = {name = check_name(name), attributes = attributes or {}, children = {}, text = ""}
  if type(content) == "table" and getmetatable(content) == nil then
    node.children = content
  elseif content ~= nil then
    node.text = tostring(content)
  end
  return setmetatable(node, element_meta)
end

return M
