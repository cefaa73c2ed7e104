-- JSON becomes an EDI document. Envelope, counts and control numbers are made for it.

local check = require "check"
local edi = require "edi"

local M = {}

function M.translate(message)
  local order = message.json
  local number = check.text(order.number, "/number", 22)
  local lines = check.list(order.lines, "/lines")
  return {
    edi = edi.document("850", "004010", function(d)
      d:segment("BEG", "00", "SA", number, nil, edi.date(check.date(order.date, "/date")))
      for i, line in ipairs(lines) do
        d:segment("PO1", i, line.quantity, line.unit or "EA", line.price, nil, "VP", line.sku)
      end
      d:segment("CTT", #lines)
    end),
    keys = {po = number},
  }
end

return M
