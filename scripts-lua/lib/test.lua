-- test: the tests beside a script, in NAME_test.lua; run by `banyan script test`.
--
--   local test = require "test"
--   test.case("an order becomes an 850", function()
--     local out = test.run("translate", "order_samples/order.json")
--     test.equal(out.edi:text("BEG", 3), "4711")
--     test.matches_file(out.body, "order_samples/order.x12")
--   end)
--
-- What a run gives: out.body, out.json, out.csv, out.xml, out.edi (of the first result, parsed when asked for),
-- out.results (each with the same and filename, content_type, status, headers, to, vars, keys), out.rejected {reason,
-- place, …}, out.error {text, where}, out.passed, out.responded, out.log. The clock stands at 2026-01-02T03:04:05Z, control
-- numbers begin at 1 in each case, and results go to a destination "test" from ZZ:SENDER to ZZ:RECEIVER (SENDER:ZZ to
-- RECEIVER:ZZ in EDIFACT), one segment a line.

local core = require "test.core"
local csv = require "csv"
local hash = require "hash"
local json = require "json"

local M = {}

function M.case(name, run)
  core.case(name, run)
end

-- A sample or expected file beside the test.
function M.read(path)
  local text = core.read(path)
  if not text then error("there is no file " .. path, 2) end
  return text
end

-- Rows of a code table for lookup, in this case only: test.table("units", {EA = "pieces"}).
function M.table(name, rows)
  core.table(name, json.encode(json.object(rows)))
end

function M.now(iso)
  core.now(iso)
end

local function default_destinations()
  return {{
    connection = "test", partner = "test",
    envelopes = {
      X12 = {sender = "ZZ:SENDER", receiver = "ZZ:RECEIVER", suffix = "\n"},
      EDIFACT = {sender = "SENDER:ZZ", receiver = "RECEIVER:ZZ", suffix = "\n"},
    },
  }}
end

local function why_not(out)
  if out.error then return "the script failed: " .. out.error.text end
  if out.rejected then return "the script rejected it: " .. out.rejected.reason end
  return "the script gave no result"
end

local parsers = {
  json = json.decode,
  csv = function(text) return csv.decode(text) end,
  edi = function(text) return require("edi").decode(text) end,
  xml = function(text) return require("xml").decode(text) end,
}

-- The parts of a result that are parsed when asked for; of an outcome they are those of its first result.
local result_meta = {}
function result_meta.__index(result, name)
  if parsers[name] then
    local body = rawget(result, "body")
    if not body then error("this result has no body", 2) end
    local value = parsers[name](body)
    rawset(result, name, value)
    return value
  end
end

local outcome_meta = {}
function outcome_meta.__index(out, name)
  if name ~= "body" and not parsers[name] then return nil end
  if out.error or out.rejected or not out.results[1] then error(why_not(out), 2) end
  return out.results[1][name]
end

local function make_outcome(raw)
  local out = {
    results = {}, rejected = raw.rejected, error = raw.error, log = raw.log or {}, passed = raw.passed or false,
    responded = raw.respond or false, script = raw.script,
  }
  for i, result in ipairs(raw.results or {}) do
    result.body = result.payload and raw.payloads[result.payload + 1]
    out.results[i] = setmetatable(result, result_meta)
  end
  return setmetatable(out, outcome_meta)
end

-- Runs until no more answers are waited for; each call is answered by the function of its connection.
local function run_with_calls(call, text, functions)
  call.connections, call.answers = json.array {}, json.array {}
  for connection in pairs(functions) do call.connections[#call.connections + 1] = connection end
  for _ = 1, 40 do
    local raw = core.run(json.encode(call), text)
    if not raw.calls then return raw end
    for _, request in ipairs(raw.calls) do
      request.body = request.body and hash.from_base64(request.body)
      if request.body and request.content_type == "application/json" then request.json = json.decode(request.body) end
      local answer = functions[request.connection](request)
      local body = answer.json ~= nil and json.encode(answer.json) or answer.body or ""
      call.answers[#call.answers + 1] = {
        connection = request.connection, method = request.method, path = request.path, error = answer.error,
        status = answer.status or 200, headers = json.object(answer.headers or {}),
        content_type = answer.content_type or (answer.json ~= nil and "application/json" or nil), body = hash.base64(body),
      }
    end
  end
  error("the script calls other systems without end", 3)
end

-- The options are what the script finds in its message: filename, partner, vars, headers, method, params, query …; and
-- besides `script` (another one than NAME), `destinations`, `limits`, and `calls`: who answers for the connections that the
-- script calls, {warehouse = function(request) return {status = 200, json = {…}} end}; {error = "…"} is no answer. The
-- path of a file is good, too: "order_samples/calls.json", a list of {"connection", "method", "path" with * and ?,
-- "status", "json" or "body"}, which also answers in the workbench and in a replay, where nothing is sent.
function M.run_text(name, text, options)
  local message, call = {}, {script = core.script, ["function"] = name, destinations = default_destinations()}
  local functions
  for key, value in pairs(options or {}) do
    if key == "script" or key == "destinations" or key == "limits" then
      call[key] = value
    elseif key == "calls" and type(value) == "string" then
      call.mocks = M.read(value)
    elseif key == "calls" then
      functions = value
    else
      message[key] = value
    end
  end
  call.message = json.object(message)
  return make_outcome(functions and run_with_calls(call, text, functions) or core.run(json.encode(call), text))
end

-- The same on a file; its name is the message's filename unless the options say another.
function M.run(name, path, options)
  local given = {filename = path:match("[^/]+$")}
  for key, value in pairs(options or {}) do given[key] = value end
  return M.run_text(name, M.read(path), given)
end

local function show(value)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" then return tostring(value) end
  local done, text = pcall(json.encode, value)
  return done and text or tostring(value)
end

-- The path of the first difference, and both values there; nil when there is none.
local function difference(actual, expected, path, depth)
  if type(actual) ~= "table" or type(expected) ~= "table" or depth > 100 then
    if actual == expected then return nil end
    return path, actual, expected
  end
  for key, value in pairs(expected) do
    local where, a, e = difference(actual[key], value, path .. "/" .. tostring(key), depth + 1)
    if where then return where, a, e end
  end
  for key, value in pairs(actual) do
    if expected[key] == nil then return path .. "/" .. tostring(key), value, nil end
  end
end

function M.equal(actual, expected, what)
  local where, a, e = difference(actual, expected, "", 0)
  if not where then return end
  local prefix = (what and what .. ": " or "") .. (where ~= "" and where .. ": " or "")
  error(prefix .. "expected " .. show(e) .. ", got " .. show(a), 2)
end

function M.ok(value, what)
  if not value then error(what or "expected something true, got " .. tostring(value), 2) end
end

function M.contains(text, part)
  if not tostring(text):find(part, 1, true) then error(show(text) .. " does not contain " .. show(part), 2) end
end

local function first_difference(actual, expected)
  local line, text = 1, require "text"
  local left, right = text.lines(actual), text.lines(expected)
  while left[line] == right[line] and left[line] do line = line + 1 end
  if not left[line] and not right[line] then return "they differ in line ends" end
  return "line " .. line .. ": expected " .. show(right[line]) .. ", got " .. show(left[line])
end

-- The text is that of the file; `banyan script test --update` writes the file instead.
function M.matches_file(text, path)
  if type(text) ~= "string" then error("matches_file compares a text, this is a " .. type(text), 2) end
  if core.update then return core.write(path, text) end
  local expected = core.read(path)
  if not expected then error("there is no file " .. path .. " yet: --update writes it", 2) end
  if expected ~= text then error(path .. ": " .. first_difference(text, expected), 2) end
end

-- The run ended in reject(); the reason contains `part`.
function M.rejected(out, part)
  if not out.rejected then
    error(out.error and why_not(out) or "the script did not reject it", 2)
  end
  if part and not out.rejected.reason:find(part, 1, true) then
    error("rejected because " .. show(out.rejected.reason) .. ", not because of " .. show(part), 2)
  end
end

-- The run ended in an error whose text contains `part`.
function M.failed(out, part)
  if not out.error then error(out.rejected and why_not(out) or "the script did not fail", 2) end
  if part and not out.error.text:find(part, 1, true) then
    error("failed with " .. show(out.error.text) .. ", not with " .. show(part), 2)
  end
end

return M
