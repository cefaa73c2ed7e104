-- An order as an application posts it becomes an X12 850, purchase order. What the order must look like stands at the
-- endpoint (request.schema); here is what a schema cannot say.

local edi = require "edi"

local M = {}

-- Acme answers by article, so each may stand in one line only.
local function check(order)
  local seen = {}
  for i, line in ipairs(order.lines) do
    if seen[line.sku] then
      reject("order " .. order.number .. " has " .. line.sku .. " twice", {where = "/lines/" .. i - 1 .. "/sku"})
    end
    seen[line.sku] = true
  end
end

function M.request(req)
  local order = req.json
  check(order)
  local document = edi.document("850", "004010", function(d)
    d:segment("BEG", "00", "SA", order.number, nil, edi.date(order.date))
    if order.ship_to then
      d:segment("N1", "ST", order.ship_to.name)
      d:segment("N3", order.ship_to.street)
      d:segment("N4", order.ship_to.city, order.ship_to.state, order.ship_to.zip, "US")
    end
    for i, line in ipairs(order.lines) do
      d:segment("PO1", tostring(i), line.quantity, line.unit or "EA", line.price, nil, "VP", line.sku)
      if line.description then
        d:segment("PID", "F", nil, nil, nil, line.description)
      end
    end
    d:segment("CTT", #order.lines)
  end)
  return {edi = document, keys = {po = order.number}, vars = {number = order.number}}
end

return M
