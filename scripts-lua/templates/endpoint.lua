-- An endpoint: change the request before the back-end is called, and the answer before the caller gets it.
--
-- Either function may be left out; returning nil leaves things as they are. `return req:respond{status = 404, json = {…}}`
-- answers without the back-end.

local M = {}

function M.request(req)
  local order = req.json
  return {json = order, vars = {number = order.number}}
end

function M.response(res)
  return {status = res.status, json = res.json}
end

return M
