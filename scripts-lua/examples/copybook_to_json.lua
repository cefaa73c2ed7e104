-- A file of an old system, as its COBOL program writes it (EBCDIC, packed amounts), becomes one JSON document an order.

local record = require "record"

local M = {}

local order = record.copybook([[
       01  ORDER-RECORD.
           05  ORDER-NUMBER        PIC X(10).
           05  ORDER-DATE          PIC 9(8).
           05  TOTAL-AMOUNT        PIC S9(7)V99 COMP-3.
           05  RUSH                PIC X.
               88  IS-RUSH         VALUE 'Y'.
           05  LINE-COUNT          PIC 9(4) COMP.
           05  ORDER-LINES OCCURS 1 TO 50 TIMES
                           DEPENDING ON LINE-COUNT.
               10  SKU             PIC X(8).
               10  QUANTITY        PIC S9(5).
               10  UNIT-PRICE      PIC S9(5)V99 COMP-3.
]], {charset = "ibm1047"})

function M.translate(message)
  local results = {}
  for i, row in ipairs(message.record(order)) do
    row.line_count = nil
    row.rush = row.rush == "Y"
    results[i] = {json = row, filename = row.order_number .. ".json", keys = {po = row.order_number}}
  end
  return results
end

-- The other way: a JSON order becomes a record of the file.
function M.request(req)
  local row = req.json
  row.rush = row.rush and "Y" or "N"
  return {body = order:encode({row}), content_type = "application/octet-stream"}
end

return M
