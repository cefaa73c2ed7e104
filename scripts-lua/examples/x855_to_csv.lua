-- An X12 855 (purchase order acknowledgement) becomes the CSV that the ERP reads: a row for what was said of each line.

local M = {}

-- ACK01, and BAK02 for orders that are answered as a whole.
local line_status = {
  AC = "accepted", IA = "accepted", IB = "backordered", IC = "changed", IP = "changed", IQ = "changed", DR = "changed",
  IR = "rejected", IS = "substituted", R1 = "rejected", R2 = "rejected", R3 = "rejected", R4 = "rejected",
}
local order_status = {AC = "changed", AD = "accepted", AK = "accepted", AT = "accepted", RD = "rejected", RJ = "rejected"}

local function add_rows(rows, loop, po, status)
  local line = loop:segment("PO1")
  local said = false
  for ack in loop:segments("ACK") do
    said = true
    rows[#rows + 1] = {
      po = po, status = line_status[ack:text(1)] or status, line = line:text(1) or "", sku = line:qualified(6, "VP"),
      quantity = ack:number(2) or line:number(2), unit = ack:text(3) or line:text(3), ship_date = ack:date(5),
    }
  end
  if not said then
    rows[#rows + 1] = {
      po = po, status = status, line = line:text(1) or "", sku = line:qualified(6, "VP"), quantity = line:number(2),
      unit = line:text(3),
    }
  end
end

function M.translate(message)
  local answer = message.edi
  local po = answer:need("BAK", 3)
  local status = order_status[answer:text("BAK", 2)] or "received"
  local rows = {columns = {"po", "status", "line", "sku", "quantity", "unit", "ship_date"}, separator = ";", line_end = "\n"}
  for loop in answer:loops("PO1") do add_rows(rows, loop, po, status) end
  if #rows == 0 then rows[1] = {po = po, status = status} end
  return {csv = rows, filename = po .. ".csv", keys = {po = po}, vars = {number = po}}
end

return M
