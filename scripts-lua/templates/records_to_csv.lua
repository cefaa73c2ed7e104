-- A file of fixed-width records becomes CSV. A field is {name, width, kind, detail}: text, number, decimal, date.

local M = {}

local schema = {{"item", 15}, {"quantity", 7, "number"}, {"price", 9, "decimal", 2}, {"date", 8, "date", "ccyymmdd"}}

function M.translate(message)
  local rows = message.record(schema)
  rows.columns = {"item", "quantity", "price", "date"}
  return {csv = rows}
end

return M
