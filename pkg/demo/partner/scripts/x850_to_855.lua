-- Acme accepts every line of an order: an 855 for the 850.

local edi = require "edi"

local M = {}

function M.translate(message)
  local order = message.edi
  local number = order:text("BEG", 3)
  local today = edi.date(order:date("BEG", 5))
  local lines = 0
  local answer = edi.document("855", "004010", function(d)
    d:segment("BAK", "00", "AC", number, today)
    for loop in order:loops("PO1") do
      local line = loop:segment("PO1")
      lines = lines + 1
      d:segment("PO1", line:text(1), line:text(2), line:text(3), line:text(4), nil, "VP", line:qualified(6, "VP"))
      d:segment("ACK", "IA", line:text(2), line:text(3))
    end
    d:segment("CTT", lines)
  end)
  return {edi = answer, keys = {po = number}}
end

return M
