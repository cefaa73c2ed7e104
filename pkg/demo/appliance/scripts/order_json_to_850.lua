-- An order as an application posts it becomes an X12 850, purchase order.
--
--   {"number": "4711", "date": "2026-11-23", "ship_to": {"name", "street", "city", "state", "zip"},
--    "lines": [{"sku", "quantity", "unit", "price", "description"}]}

local edi = require "edi"

local M = {}

local function check(order)
  if type(order) ~= "table" or type(order.number) ~= "string" then
    reject("an order needs a number, as text")
  end
  if type(order.date) ~= "string" then
    reject("order " .. order.number .. " needs a date such as 2026-11-23")
  end
  if type(order.lines) ~= "table" or #order.lines == 0 then
    reject("order " .. order.number .. " has no lines")
  end
  for i, line in ipairs(order.lines) do
    if not line.sku or not line.quantity then
      reject("line " .. i .. " of order " .. order.number .. " needs a sku and a quantity")
    end
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
