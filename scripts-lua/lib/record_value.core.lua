-- record_value.core: single values of records, between the text of a file and Lua: exact numbers, ISO dates, flags.

local date = require "date"
local decimal = require "decimal"
local text = require "text"

local M = {}

-- The value of a text, or nil and what is wrong with it. Blank is nil.
function M.read(kind, raw, details)
  local present = text.present(raw)
  if not present then return nil end
  if kind == "text" then
    return (raw:gsub("[%s\0]+$", ""))
  elseif kind == "number" then
    local value = present:find("^[+-]?%d+$") and math.tointeger(tonumber(present))
    if value then return value end
    local done, exact = pcall(decimal, present)
    if done and present:find("^[+-]?%d+$") then return exact end
    return nil, "'" .. present .. "' is not a whole number"
  elseif kind == "decimal" then
    local done, value = pcall(decimal, present)
    if done then return value end
    return nil, "'" .. present .. "' is not a number"
  elseif kind == "date" then
    if not details[1] then return date.valid(present) and present or nil, not date.valid(present) and
        "'" .. present .. "' is not a date such as 2026-11-23" or nil end
    if present:find("^0+$") then return nil end
    return date.try(present, details[1])
  elseif kind == "flag" then
    local yes, no = details[1] or "true", details[2] or "false"
    if present == yes then return true end
    if present == no then return false end
    return nil, "'" .. present .. "' is neither " .. yes .. " nor " .. no
  end
  return nil, "is of unknown kind " .. kind
end

-- A value as a number, or nil and what is wrong.
function M.exact(value)
  local done, exact = pcall(decimal, value)
  if not done or type(value) == "boolean" then return nil, "'" .. tostring(value) .. "' is not a number" end
  return exact
end

-- The text of a value, or nil and what is wrong with it. nil is "".
function M.write(kind, value, details)
  if value == nil then return "" end
  if kind == "text" then
    if type(value) == "table" or type(value) == "boolean" then return nil, "a " .. type(value) .. " is not a text" end
    return tostring(value)
  elseif kind == "number" or kind == "decimal" then
    local exact, why = M.exact(value)
    if not exact then return nil, why end
    if kind == "number" and exact ~= exact:round(0) then return nil, "'" .. tostring(value) .. "' is not a whole number" end
    return tostring(kind == "number" and exact:round(0) or exact)
  elseif kind == "date" then
    if type(value) ~= "string" or not date.valid(value) then
      return nil, "'" .. tostring(value) .. "' is not a date such as 2026-11-23"
    end
    return details[1] and date.format(value, details[1]) or value
  elseif kind == "flag" then
    if type(value) ~= "boolean" then return nil, "'" .. tostring(value) .. "' is neither true nor false" end
    return value and (details[1] or "true") or details[2] or "false"
  end
  return nil, "is of unknown kind " .. kind
end

return M
