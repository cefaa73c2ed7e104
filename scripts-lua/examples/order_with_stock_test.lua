local test = require "test"

local function systems(log)
  return {
    orders = function(request)
      log[#log + 1] = request.method .. " " .. request.path
      if request.path == "/orders/1" then return {status = 404} end
      return {json = {number = "4711", customer = "c7", lines = {{sku = "A 1"}, {sku = "B2"}}}}
    end,
    warehouse = function(request)
      log[#log + 1] = request.path
      if request.path == "/stock?sku=B2" then return {status = 503} end
      return {json = {quantity = 5}}
    end,
    crm = function() return {json = {id = "c7", name = "ACME"}} end,
  }
end

test.case("an order comes with its stock and its customer, each asked once", function()
  local log = {}
  local out = test.run_text("request", "", {params = {number = "4711"}, calls = systems(log)})
  test.equal(out.json.customer.name, "ACME")
  test.equal(out.json.lines[1].in_stock, 5)
  test.equal(out.json.lines[2].in_stock, nil)
  test.equal(log, {"GET /orders/4711", "/stock?sku=A%201", "/stock?sku=B2"})
end)

test.case("an order that is not there is 404", function()
  local out = test.run_text("request", "", {params = {number = "1"}, calls = systems {}})
  test.equal(out.results[1].status, 404)
end)

test.case("a system that does not answer is told", function()
  local calls = systems {}
  calls.crm = function() return {error = "it did not answer in time"} end
  test.failed(test.run_text("request", "", {params = {number = "4711"}, calls = calls}),
    "order_with_stock.lua:15: connection crm: it did not answer in time")
end)

test.case("a connection that is not listed is refused", function()
  test.failed(test.run_text("request", "", {params = {number = "4711"}, calls = {crm = function() return {} end}}),
    "order_with_stock.lua:8: the connection 'orders' is none that this script may call")
end)
