-- check: what an incoming document must have; a failed check rejects it, with the path of the value in question.
--
--   local number = check.text(order.number, "/number", 22)     -- text that is there, of at most 22 characters
--   local lines = check.list(order.lines, "/lines")             -- a list with something in it
--   local quantity = check.number(line.quantity, "/lines/1/quantity", 0)  -- a number greater than 0
--   local day = check.date(order.date, "/date")                 -- "2026-11-23"
--   local unit = check.one_of(line.unit, "/lines/1/unit", {"EA", "CA"})
--
-- Every check gives its value back. check.optional(value, check.date, "/date") lets nil pass.

local date = require "date"
local decimal = require "decimal"

local M = {}

local function fail(path, words)
  reject(path .. " " .. words, {where = path, code = "invalid"})
end

function M.text(value, path, longest)
  if math.type(value) == "integer" then value = tostring(value) end
  if value == nil or value == "" then fail(path, "is missing") end
  if type(value) ~= "string" then fail(path, "is not a text") end
  local length = utf8.len(value)
  if not length then fail(path, "is not UTF-8") end
  if longest and length > longest then fail(path, "has more than " .. longest .. " characters") end
  return value
end

function M.list(value, path, most)
  if value == nil then fail(path, "is missing") end
  if type(value) ~= "table" or (next(value) ~= nil and #value == 0) then fail(path, "is not a list") end
  if #value == 0 then fail(path, "is empty") end
  if most and #value > most then fail(path, "has more than " .. most .. " entries") end
  return value
end

function M.object(value, path)
  if value == nil then fail(path, "is missing") end
  if type(value) ~= "table" or #value > 0 then fail(path, "is not an object") end
  return value
end

-- An integer or decimal, greater than `above` when that is given.
function M.number(value, path, above)
  if value == nil then fail(path, "is missing") end
  if type(value) ~= "number" and not decimal.is(value) then fail(path, "is not a number") end
  if above and value <= above then fail(path, "is not greater than " .. tostring(above)) end
  return value
end

function M.date(value, path)
  if value == nil or value == "" then fail(path, "is missing") end
  if type(value) ~= "string" or not date.valid(value) then fail(path, "is not a date such as 2026-11-23") end
  return value
end

function M.one_of(value, path, allowed)
  for _, candidate in ipairs(allowed) do
    if value == candidate then return value end
  end
  fail(path, "is none of " .. table.concat(allowed, ", "))
end

-- nil and "" pass as nil; anything else must pass the check.
function M.optional(value, how, path, ...)
  if value == nil or value == "" then return nil end
  return how(value, path, ...)
end

return M
