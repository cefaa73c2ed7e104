-- connection: calls of other systems by the names of their connections, in scripts of flows and endpoints that list them in
-- `calls`.
--
--   local stock = connection.get("warehouse", "/stock/4711")        -- stock.status, stock.json, stock.body, stock.headers
--   local price = connection.call("erp", {method = "POST", path = "/price", json = {sku = "4711"}})
--   local both = connection.all {                                     -- at the same time
--     stock = {"warehouse", path = "/stock/4711"},
--     price = {"erp", method = "POST", path = "/price", json = {sku = "4711"}},
--   }
--   both.stock.json.quantity …
--
-- A request has path, method (GET unless it has a body), query = {…}, headers = {…}, and json or body with content_type.
-- On connections of files the path is that of the file. An answer of any status is an answer (ok tells whether it is below
-- 400); a system that does not answer is an error, unless the script catches it (pcall): then the caller of an
-- endpoint gets 502 or 504.
--
-- In a flow the answers must come within its `timeout`, and a system that does not answer fails the attempt, which the
-- flow's `retry` repeats. Its calls are made at least once: an attempt that fails behind a call makes that call again in the
-- next one. They carry the message's id as X-Request-Id, and those that change something (POST, PATCH) an Idempotency-Key
-- that stays the same, unless the script sets one; what cannot bear to be repeated is better made a destination of the flow.
--
-- In tests, in the workbench and in a replay nothing is sent: the sample NAME_samples/calls.json answers, a list of
--   {"connection": "warehouse", "method": "GET", "path": "/stock/*", "status": 200, "json": {"quantity": 7}}
-- of which the first that fits is the answer; or what a test gives as `calls` (lib/test.lua).
--
-- While answers are waited for the script does not stand still: it ends, and runs again when they are there. What it
-- computes until then must be the same each time, which it is unless it uses math.random.

local core = require "connection.core"
local hash = require "hash"
local json = require "json"

local M = {}

local answer_meta = {__metatable = "answer"}

function answer_meta.__index(answer, name)
  if name == "json" then
    local value = json.decode(answer.body)
    rawset(answer, "json", value)
    return value
  end
end

local function escape(text)
  return (tostring(text):gsub("[^%w%-_.~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local known = {
  path = true, method = true, query = true, headers = true, json = true, body = true, content_type = true, connection = true,
}

local function prepare(request, name, level)
  if type(name) ~= "string" then error("a call names its connection first", level + 1) end
  for key in pairs(request) do
    if key ~= 1 and not known[key] then error("a call has no '" .. tostring(key) .. "'", level + 1) end
  end
  local path = request.path or ""
  if type(path) ~= "string" or path:find("[%c%s]") then error("the path of a call is a text without blanks", level + 1) end
  local names = {}
  for key in pairs(request.query or {}) do names[#names + 1] = key end
  table.sort(names)
  for i, key in ipairs(names) do
    local mark = (i == 1 and not path:find("?", 1, true)) and "?" or "&"
    path = path .. mark .. escape(key) .. "=" .. escape(request.query[key])
  end
  local body, content_type = request.body, request.content_type
  if request.json ~= nil then
    if body then error("a call has json or body, not both", level + 1) end
    body, content_type = json.encode(request.json), content_type or "application/json"
  end
  local headers = {}
  for key, value in pairs(request.headers or {}) do
    if not tostring(key):find("^[%w!#$%%&'*+.^_`|~-]+$") or tostring(value):find("[%c]") then
      error("the header '" .. tostring(key) .. "' of a call is no header", level + 1)
    end
    headers[tostring(key)] = tostring(value)
  end
  return {
    connection = name, method = request.method or (body and "POST" or "GET"), path = path, headers = json.object(headers),
    content_type = content_type, body = body and hash.base64(body) or nil,
  }
end

local function perform(requests, level)
  local answers = core.perform(json.encode(json.array(requests)))
  for i, answer in ipairs(answers) do
    if answer.error then
      error("connection " .. requests[i].connection .. ": " .. answer.error, level + 1)
    end
    answer.ok = answer.status < 400
    answer.headers = answer.headers or {}
    setmetatable(answer, answer_meta)
  end
  return answers
end

function M.call(name, request)
  return perform({prepare(request or {}, name, 2)}, 2)[1]
end

function M.get(name, path, request)
  local copy = {path = path, method = "GET"}
  for key, value in pairs(request or {}) do copy[key] = value end
  return perform({prepare(copy, name, 2)}, 2)[1]
end

-- Several at the same time; the answers by the keys of the requests.
function M.all(requests)
  local keys, list, out = {}, {}, {}
  for key in pairs(requests) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i, key in ipairs(keys) do list[i] = prepare(requests[key], requests[key][1] or requests[key].connection, 2) end
  for i, answer in ipairs(perform(list, 2)) do out[keys[i]] = answer end
  return out
end

return M
