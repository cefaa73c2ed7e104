-- The state of an order, read from the CSV that the ERP wrote, as JSON: for GET /orders/{number}.
--
-- The file has a row a line: po;status;line;sku;quantity;unit;ship_date

local decimal = require "decimal"
local text = require "text"

local M = {}

-- 120 stays a whole number, 2.5 keeps its digits.
local function number(value)
  value = text.present(value)
  if not value then return nil end
  local exact = decimal(value)
  if exact == exact:round(0) then return exact:integer() end
  return exact
end

-- One status for the order: that of its lines when they agree.
local function overall(lines)
  local status = lines[1].status
  for _, line in ipairs(lines) do
    if line.status ~= status then return "mixed" end
  end
  return status
end

function M.response(res)
  if res.status and res.status >= 400 then return nil end
  local rows = res.csv{separator = ";"}
  if #rows == 0 then return {status = 404, json = {error = "the order has no lines yet"}} end
  local order = {number = rows[1].po, lines = {}}
  for i, row in ipairs(rows) do
    order.lines[i] = {
      line = number(row.line), sku = text.present(row.sku), quantity = number(row.quantity), unit = text.present(row.unit),
      status = row.status, ship_date = text.present(row.ship_date),
    }
  end
  order.status = overall(order.lines)
  return {json = order}
end

return M
