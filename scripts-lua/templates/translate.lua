-- A flow: one message in, one file out.
--
-- message.body is the text; message.json, message.xml, message.csv{…}, message.record{…} and message.edi parse it.
-- Return a table with one of body, json, xml, csv, edi; a list of such tables; or nil when nothing goes on.

local M = {}

function M.translate(message)
  return {body = message.body, filename = message.filename}
end

return M
