-- A UN/EDIFACT ORDERS becomes an order in JSON.

local M = {}

local parties = {BY = "buyer", SU = "supplier", DP = "ship_to", IV = "invoice_to"}

local function read_line(loop)
  local lin = loop:segment("LIN")
  return {
    line = lin:number(1),
    gtin = lin:qualified(3, "SRV") or lin:qualified(3, "EN"),
    sku = loop:has("PIA") and loop:segment("PIA"):qualified(2, "SA") or nil,
    description = loop:text("IMD", 3, 4),
    quantity = loop:number("QTY", "21", 1, 2),
    price = loop:decimal("PRI", "AAA", 1, 2),
  }
end

function M.translate(message)
  local doc = message.edi
  local order = {number = doc:need("BGM", 2), date = doc:date("DTM", "137"), delivery = doc:date("DTM", "2"), lines = {}}
  for nad in doc:segments("NAD") do
    local role = parties[nad:text(1)]
    if role then order[role] = {id = nad:text(2), name = nad:text(4)} end
  end
  for loop in doc:loops("LIN") do order.lines[#order.lines + 1] = read_line(loop) end
  if #order.lines == 0 then reject("an order without lines", {segment = "LIN"}) end
  return {json = order, filename = order.number .. ".json", keys = {po = order.number}}
end

return M
