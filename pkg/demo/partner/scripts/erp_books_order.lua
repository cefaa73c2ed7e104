-- The legacy ERP of the demo: reads what is dropped into its directory and writes how each order stands.

local M = {}

function M.translate(message)
  local rows = {{"order", "booked", "sku", "quantity", "state"}}
  local number
  for _, row in ipairs(message:csv {header = true}) do
    number = row.order
    rows[#rows + 1] = {row.order, "confirmed", row.sku, row.quantity, row.state}
  end
  if not number then
    reject("a file without an order")
  end
  return {csv = rows, vars = {number = number}, filename = number .. ".csv"}
end

return M
