-- What the ERP has written about an order, as JSON for the application.

local M = {}

function M.response(res)
  local order = {lines = {}}
  for _, row in ipairs(res:csv {header = true}) do
    order.number = row.order
    order.state = row.booked
    order.lines[#order.lines + 1] = {
      sku = row.sku,
      quantity = math.tointeger(tonumber(row.quantity)) or row.quantity,
      state = row.state,
    }
  end
  return {json = order}
end

return M
