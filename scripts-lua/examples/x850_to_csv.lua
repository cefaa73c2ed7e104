-- An X12 850 becomes a CSV file with a row a line, as an ERP imports it.

local M = {}

function M.translate(message)
  local po = message.edi
  local number = po:need("BEG", 3)
  local rows = {columns = {"po", "date", "line", "sku", "quantity", "unit", "price", "description"}, separator = ";",
    line_end = "\n"}
  for loop in po:loops("PO1") do
    local line = loop:segment("PO1")
    rows[#rows + 1] = {
      po = number, date = po:date("BEG", 5), line = line:text(1) or #rows + 1, sku = line:qualified(6, "VP"),
      quantity = line:number(2), unit = line:text(3), price = line:decimal(4), description = loop:text("PID", 5),
    }
  end
  if #rows == 0 then reject("an order without lines", {segment = "PO1"}) end
  return {csv = rows, filename = "ORD" .. number .. ".csv", keys = {po = number}, vars = {number = number}}
end

return M
