-- A CSV file becomes JSON; its first line names the columns.

local M = {}

function M.translate(message)
  local items = {}
  for i, row in ipairs(message.csv{separator = ";"}) do
    items[i] = {sku = row.sku, quantity = tonumber(row.quantity)}
  end
  return {json = {items = items}}
end

return M
