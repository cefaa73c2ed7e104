-- The partner's 855, purchase order acknowledgement, becomes the CSV that the ERP reads: a row a line.

local M = {}

local words = {IA = "accepted", IB = "backordered", IC = "changed", ID = "date changed", IR = "rejected", IQ = "changed"}

function M.translate(message)
  local answer = message.edi
  local number = answer:text("BAK", 3)
  local rows = {{"order", "state", "line", "sku", "quantity", "unit"}}
  for loop in answer:loops("PO1") do
    local line = loop:segment("PO1")
    local ack = loop:segment("ACK")
    local state = ack and ack:text(1) or "IA"
    rows[#rows + 1] = {
      number,
      words[state] or state,
      line:text(1),
      line:qualified(6, "VP"),
      ack and ack:text(2) or line:text(2),
      line:text(3),
    }
  end
  return {csv = rows, keys = {po = number}, vars = {po = number}, filename = number .. ".csv"}
end

return M
