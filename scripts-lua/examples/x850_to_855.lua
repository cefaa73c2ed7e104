-- A supplier's answer to an X12 850: an 855 that accepts every line, to be shipped in a week.

local date = require "date"
local edi = require "edi"

local M = {}

local function copy_line(d, loop, ship)
  local line = loop:segment("PO1")
  local number, sku = line:text(1), line:qualified(6, "VP")
  d:segment("PO1", number, line:number(2), line:text(3), line:decimal(4), nil, sku and "VP", sku)
  d:segment("ACK", "IA", line:number(2), line:text(3), "068", edi.date(ship))
end

function M.translate(message)
  local po = message.edi
  local number, ordered = po:need("BEG", 3), po:date("BEG", 5) or date.today()
  local ship = date.add(date.today(), 7)
  return {
    edi = edi.document("855", "004010", function(d)
      d:segment("BAK", "00", "AD", number, edi.date(ordered))
      for loop in po:loops("PO1") do copy_line(d, loop, ship) end
      if d:count("PO1") == 0 then reject("order " .. number .. " has no lines", {segment = "PO1"}) end
      d:segment("CTT", d:count("PO1"))
    end),
    filename = "855_" .. number .. ".edi",
    keys = {po = number},
  }
end

return M
