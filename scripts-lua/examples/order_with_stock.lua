-- One call of the API gives an order with what two other systems know of it. The endpoint lists both in `calls`.

local connection = require "connection"

local M = {}

function M.request(req)
  local order = connection.get("orders", "/orders/" .. req.params.number)
  if order.status == 404 then return req:respond{status = 404, json = {title = "There is no such order"}} end
  local requests = {}
  for i, line in ipairs(order.json.lines) do
    requests[i] = {"warehouse", path = "/stock", query = {sku = line.sku}}
  end
  requests.customer = {"crm", path = "/customers/" .. order.json.customer}
  local answers = connection.all(requests)
  for i, line in ipairs(order.json.lines) do
    line.in_stock = answers[i].ok and answers[i].json.quantity or nil
  end
  order.json.customer = answers.customer.ok and answers.customer.json or {id = order.json.customer}
  return req:respond{json = order.json}
end

return M
