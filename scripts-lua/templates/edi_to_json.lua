-- An EDI document becomes JSON.

local M = {}

function M.translate(message)
  local po = message.edi
  local order = {number = po:need("BEG", 3), date = po:date("BEG", 5), lines = {}}
  for loop in po:loops("PO1") do
    local line = loop:segment("PO1")
    order.lines[#order.lines + 1] = {sku = line:qualified(6, "VP"), quantity = line:number(2), price = line:decimal(4)}
  end
  if #order.lines == 0 then reject("an order without lines", {segment = "PO1"}) end
  return {json = order, filename = order.number .. ".json", keys = {po = order.number}}
end

return M
