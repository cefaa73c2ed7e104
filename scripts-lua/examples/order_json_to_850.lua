-- An order from an application becomes an X12 850 for the trading partner.
--
-- On an endpoint (POST /orders) or in a flow of JSON files. A faulty order is rejected with the path of what is wrong.

local check = require "check"
local edi = require "edi"

local M = {}

-- N1 with its N3 and N4; a party that was not given is left out.
local function add_party(d, qualifier, party, path)
  if not party then return end
  check.object(party, path)
  d:segment("N1", qualifier, check.text(party.name, path .. "/name", 60), party.id and "92", party.id)
  if party.street then d:segment("N3", check.text(party.street, path .. "/street", 55)) end
  if party.city then
    d:segment("N4", check.text(party.city, path .. "/city", 30), party.state, party.zip, party.country)
  end
end

local function add_line(d, number, line)
  local path = "/lines/" .. number
  d:segment("PO1", number,
    check.number(line.quantity, path .. "/quantity", 0),
    check.optional(line.unit, check.text, path .. "/unit", 2) or "EA",
    check.optional(line.price, check.number, path .. "/price"),
    nil,
    "VP", check.text(line.sku, path .. "/sku", 48))
  if line.description then d:segment("PID", "F", nil, nil, nil, check.text(line.description, path .. "/description", 80)) end
end

local function build(order)
  check.object(order, "")
  local number = check.text(order.number, "/number", 22)
  local day = check.date(order.date, "/date")
  local lines = check.list(order.lines, "/lines", 10000)
  return {
    edi = edi.document("850", "004010", function(d)
      d:segment("BEG", "00", "SA", number, nil, edi.date(day))
      add_party(d, "BY", order.buyer, "/buyer")
      add_party(d, "ST", order.ship_to, "/ship_to")
      for i, line in ipairs(lines) do add_line(d, i, check.object(line, "/lines/" .. i)) end
      d:segment("CTT", #lines)
    end),
    filename = "850_" .. number .. ".edi",
    vars = {number = number},
    keys = {po = number},
  }
end

function M.request(req)
  return build(req.json)
end

function M.translate(message)
  return build(message.json)
end

return M
